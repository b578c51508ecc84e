//! The suite for stores: it accepts one that conforms, and names what another does wrong.

use std::future::Future;

use futures::executor::block_on;
use rotator_core::{
    MemoryStore, Record, RecordName, Revision, SecretStore, StoreError, Stored, conformance,
};

fn name() -> RecordName {
    RecordName::new("conformance")
}

#[test]
fn a_store_that_conforms_is_left_with_the_record_that_was_written_last() {
    let store = MemoryStore::new();
    assert_eq!(block_on(conformance::check(&store, &name())), Ok(()));
    let mut left = Record::new();
    left.insert("b", "2");
    assert_eq!(store.get(&name()), Some(left));
}

#[test]
fn a_record_that_is_in_use_is_left_alone() {
    let store = MemoryStore::new();
    let mut used = Record::new();
    used.insert("tls.key", "ours");
    store.put(&name(), Some(used.duplicate()));
    let refused = block_on(conformance::check(&store, &name())).unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    assert_eq!(store.get(&name()), Some(used));
}

#[test]
fn each_way_not_to_conform_is_told() {
    for (defect, told) in [
        (Defect::TakesAnyRevision, "must be a conflict"),
        (Defect::TakesOlderRevisions, "saw an older record"),
        (Defect::Merges, "entries left out must be gone"),
        (Defect::CutsAtZero, "does not read back"),
        (Defect::NamesAnotherRevision, "returned another revision"),
        (Defect::FailsIfTooLarge, "neither taken nor too large"),
        (Defect::WritesThoughTooLarge, "after one too large"),
    ] {
        let store = Defective {
            store: MemoryStore::new(),
            defect,
        };
        let refused = block_on(conformance::check(&store, &name())).unwrap_err();
        assert!(refused.to_string().contains(told), "{defect:?}: {refused}");
    }
}

/// A store that does all things well but one.
struct Defective {
    store: MemoryStore,
    defect: Defect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    TakesAnyRevision,
    TakesOlderRevisions,
    Merges,
    CutsAtZero,
    NamesAnotherRevision,
    FailsIfTooLarge,
    WritesThoughTooLarge,
}

impl SecretStore for Defective {
    fn load(&self, name: &RecordName) -> impl Future<Output = Result<Stored, StoreError>> + Send {
        self.store.load(name)
    }

    async fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        let stored = self.store.load(name).await?;
        let mut written = record.duplicate();
        let mut based_on = seen.clone();
        match self.defect {
            Defect::TakesAnyRevision => based_on = stored.revision,
            Defect::TakesOlderRevisions if seen.as_str() != "0" => based_on = stored.revision,
            Defect::Merges => {
                let before = stored.record.unwrap_or_default();
                for (entry, bytes) in before.expose_entries() {
                    if record.expose(entry).is_none() {
                        written.insert(entry, bytes);
                    }
                }
            }
            Defect::CutsAtZero => {
                for (entry, bytes) in record.expose_entries() {
                    let cut = bytes.split(|byte| *byte == 0).next().unwrap();
                    written.insert(entry, cut);
                }
            }
            Defect::TakesOlderRevisions
            | Defect::NamesAnotherRevision
            | Defect::FailsIfTooLarge
            | Defect::WritesThoughTooLarge => {}
        }
        let outcome = self.store.save(name, &written, &based_on).await;
        match (self.defect, outcome) {
            (Defect::NamesAnotherRevision, Ok(_)) => Ok(Revision::new("another")),
            (Defect::FailsIfTooLarge, Err(StoreError::TooLarge { .. })) => {
                Err(StoreError::Conflict)
            }
            (Defect::WritesThoughTooLarge, Err(error @ StoreError::TooLarge { .. })) => {
                self.store.put(name, None);
                Err(error)
            }
            (_, outcome) => outcome,
        }
    }
}
