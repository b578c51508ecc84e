//! A suite that tests what every [`SecretStore`] must do.
//!
//! ```
//! # use futures::executor::block_on;
//! use rotator_core::{MemoryStore, RecordName, conformance};
//!
//! block_on(conformance::check(&MemoryStore::new(), &RecordName::new("conformance")))?;
//! # Ok::<(), conformance::Nonconformity>(())
//! ```
//!
//! The suite writes one record of the given name, and leaves it there. The name must be unused.

use alloc::{borrow::ToOwned, format, string::String};

use crate::{
    ports::SecretStore,
    store::{Record, RecordName, Revision, StoreError},
};

/// How a store differs from what it must do, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store does not conform: {what}")]
#[non_exhaustive]
pub struct Nonconformity {
    /// What it did, and what it should have done.
    pub what: String,
}

/// Tests `store`: absent, then created; conflicts, also of two writers that both saw nothing; entries of any name and
/// any bytes; replacement, not merger; a retry after a write that took place; a record too large to store.
///
/// # Errors
///
/// [`Nonconformity`] names the first failure.
pub async fn check(store: &impl SecretStore, name: &RecordName) -> Result<(), Nonconformity> {
    let first = creation(store, name).await?;
    let second = replacement(store, name, &first).await?;
    save(store, name, &after(), &second).await?;
    let again = "the same write once more, as after a lost answer";
    expect_conflict(store, name, &second, again).await?;
    too_large(store, name).await
}

async fn creation(store: &impl SecretStore, name: &RecordName) -> Result<Revision, Nonconformity> {
    let (found, absent) = load(store, name).await?;
    if found.is_some() {
        return Err(wrong("the name is in use: give one that is not"));
    }
    let before = record(&[("a", b"1"), ("tls.key", &[0, 0xff, b'\n'])]);
    let first = save(store, name, &before, &absent).await?;
    let second = "a second creation by a writer that saw nothing";
    expect_conflict(store, name, &absent, second).await?;
    expect(store, name, &before, "a created record").await?;
    Ok(first)
}

async fn replacement(
    store: &impl SecretStore,
    name: &RecordName,
    first: &Revision,
) -> Result<Revision, Nonconformity> {
    let (_, seen) = load(store, name).await?;
    if seen != *first {
        return Err(wrong(
            "`save` returned another revision than the next `load`",
        ));
    }
    let second = save(store, name, &after(), &seen).await?;
    if second == seen {
        return Err(wrong("a write did not change the revision"));
    }
    let replaced = "a replaced record (entries left out must be gone)";
    expect(store, name, &after(), replaced).await?;
    let late = "a write by a writer that saw an older record";
    expect_conflict(store, name, first, late).await?;
    expect(store, name, &after(), "a record after a refused write").await?;
    Ok(second)
}

async fn too_large(store: &impl SecretStore, name: &RecordName) -> Result<(), Nonconformity> {
    let (_, seen) = load(store, name).await?;
    let mut large = Record::new();
    large.insert("large", alloc::vec![b'x'; 64 << 20]);
    match store.save(name, &large, &seen).await {
        Ok(_) => Ok(()),
        Err(StoreError::TooLarge { .. }) => {
            expect(store, name, &after(), "a record after one too large").await
        }
        Err(error) => Err(wrong(&format!(
            "a record of 64 MiB was neither taken nor too large: {error}"
        ))),
    }
}

async fn load(
    store: &impl SecretStore,
    name: &RecordName,
) -> Result<(Option<Record>, Revision), Nonconformity> {
    let stored = store
        .load(name)
        .await
        .map_err(|error| wrong(&format!("`load` failed: {error}")))?;
    Ok((stored.record, stored.revision))
}

async fn save(
    store: &impl SecretStore,
    name: &RecordName,
    record: &Record,
    seen: &Revision,
) -> Result<Revision, Nonconformity> {
    store
        .save(name, record, seen)
        .await
        .map_err(|error| wrong(&format!("`save` failed: {error}")))
}

async fn expect(
    store: &impl SecretStore,
    name: &RecordName,
    wanted: &Record,
    when: &str,
) -> Result<(), Nonconformity> {
    match load(store, name).await?.0 {
        Some(found) if found == *wanted => Ok(()),
        _ => Err(wrong(&format!(
            "{when} does not read back as it was written"
        ))),
    }
}

async fn expect_conflict(
    store: &impl SecretStore,
    name: &RecordName,
    seen: &Revision,
    when: &str,
) -> Result<(), Nonconformity> {
    match store.save(name, &record(&[("late", b"3")]), seen).await {
        Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(wrong(&format!("{when} must be a conflict, not: {error}"))),
        Ok(_) => Err(wrong(&format!(
            "{when} must be a conflict, but it was taken"
        ))),
    }
}

/// The record that every write but the first leaves.
fn after() -> Record {
    record(&[("b", b"2")])
}

fn record(entries: &[(&str, &[u8])]) -> Record {
    let mut record = Record::new();
    for (name, bytes) in entries {
        record.insert(*name, *bytes);
    }
    record
}

fn wrong(what: &str) -> Nonconformity {
    Nonconformity {
        what: what.to_owned(),
    }
}
