//! Removes a foreign certificate from every entry, and from what is remembered, by order of an administrator.

use alloc::vec::Vec;

use certgen::{Anchor, Bundle, Chain, Fingerprint, UnixTime, verify};

use crate::{
    authority_record::{Amendment, Authority, Remembered},
    bounds::TimeBounds,
    carry_out::amend,
    observation::Lane,
    observe::{self, Loaded},
    ports::{Ports, SecretStore, WebhookPatcher},
    settings::{ServingSettings, Settings},
    step_error::StepError,
    store::{RecordName, StoreError},
    target::{EntryEdit, EntryName, EntryView, PatchError, TargetRef, TargetView},
    verifiers::called_by_as,
};

/// What [`disown`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Disowned {
    /// Whether the authority record remembered the certificate, and no longer does.
    pub was_remembered: bool,
    /// The targets that contained it and no longer do, each with how many of its entries did.
    pub targets: Vec<(TargetRef, usize)>,
    /// The targets that were not read, and why: they may contain it.
    pub unread: Vec<(Lane, StepError)>,
}

/// Why a certificate was not disowned. What was written before stays written; the administrator may give the order
/// again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DisownError {
    /// It is a root of the authority itself.
    #[error(
        "it is the root of generation {generation} of this installation's own CA, which needs it"
    )]
    Own {
        /// Which generation.
        generation: u32,
    },
    /// Callers would refuse a server.
    #[error(
        "callers of entry {entry} of {target} would refuse what {record} serves: delete that record first if it should not be served"
    )]
    Needed {
        /// The serving record.
        record: RecordName,
        /// The target.
        target: TargetRef,
        /// Its entry.
        entry: EntryName,
    },
    /// A record was not read: it may need the certificate.
    #[error("{lane} was not read")]
    Read {
        /// Which record.
        lane: Lane,
        /// The cause.
        #[source]
        source: StoreError,
    },
    /// There is no authority yet whose roots could replace the certificate.
    #[error("there is no authority record yet: start the keeper first, or empty the entry by hand")]
    NoAuthority,
    /// The authority record was not written.
    #[error("the authority record was not written")]
    Store(#[source] StepError),
    /// A target was not written.
    #[error("{target} was not written")]
    Patch {
        /// Which target.
        target: TargetRef,
        /// The cause.
        #[source]
        source: PatchError,
    },
}

impl DisownError {
    /// Whether another writer was faster, so that the same order may succeed at once.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::Patch { source, .. } => matches!(source, PatchError::Conflict),
            Self::Own { .. } | Self::Needed { .. } | Self::Read { .. } | Self::NoAuthority => false,
        }
    }
}

/// Removes the certificate `fingerprint` from every entry that can be read, and from what the authority record
/// remembers. A keeper may run meanwhile: it puts no certificate back that is in no entry any more.
///
/// # Errors
///
/// [`DisownError`] says what needs the certificate, or what was not read or written.
pub async fn disown<A, S, P, C, E>(
    settings: &Settings,
    ports: &Ports<A, S, P, C, E>,
    fingerprint: &Fingerprint,
    now: TimeBounds,
) -> Result<Disowned, DisownError>
where
    A: SecretStore,
    S: SecretStore,
    P: WebhookPatcher,
{
    let mut loaded = observe::load(settings, ports, |_| true).await;
    if let Some((lane, source)) = loaded.failures.pop() {
        return Err(DisownError::Read { lane, source });
    }
    let authority = loaded.present_authority().ok_or(DisownError::NoAuthority)?;
    if let Some(generation) = authority.generation_of(fingerprint) {
        return Err(DisownError::Own { generation });
    }
    for serving in &settings.serving {
        check_unneeded(&loaded, serving, fingerprint, now)?;
    }
    let mut done = Disowned {
        was_remembered: forget(settings, ports, &loaded, fingerprint).await?,
        ..Disowned::default()
    };
    for view in loaded.readable_targets() {
        let edits: Vec<_> = view
            .entries
            .iter()
            .filter(|entry| holds(entry, fingerprint))
            .map(|entry| edit(entry, authority, fingerprint))
            .collect::<Result<_, _>>()?;
        if !edits.is_empty() {
            publish(ports, view, &edits).await?;
            done.targets.push((view.target.clone(), edits.len()));
        }
    }
    done.unread = loaded.unread_targets().collect();
    Ok(done)
}

/// Checks that no entry loses what verifies the served chain, at any time that a caller's clock may show.
fn check_unneeded(
    loaded: &Loaded,
    serving: &ServingSettings,
    fingerprint: &Fingerprint,
    now: TimeBounds,
) -> Result<(), DisownError> {
    let read = loaded.serving(&serving.record);
    let content = read.and_then(|read| read.content.as_ref());
    let Some(chain) = content.and_then(|content| content.chain.as_ref()) else {
        return Ok(());
    };
    let Some(name) = called_by_as(chain.leaf(), &serving.names) else {
        return Ok(());
    };
    for view in loaded.readable_targets() {
        let mut entries = view.entries.iter();
        let needs = entries.find(|entry| {
            [now.earliest(), now.latest()].into_iter().any(|at| {
                let anchors = || entry.bundle.anchors().iter();
                let others = anchors().filter(|anchor| anchor.fingerprint() != *fingerprint);
                accepts(anchors(), chain, &name, at) && !accepts(others, chain, &name, at)
            })
        });
        if let Some(entry) = needs {
            return Err(DisownError::Needed {
                record: serving.record.clone(),
                target: view.target.clone(),
                entry: entry.name.clone(),
            });
        }
    }
    Ok(())
}

fn accepts<'a>(
    anchors: impl Iterator<Item = &'a Anchor>,
    chain: &Chain,
    name: &str,
    at: UnixTime,
) -> bool {
    let anchors = anchors.map(Anchor::certificate);
    verify(chain.leaf(), chain.intermediates(), anchors, name, at).is_ok()
}

/// Removes it from what the record remembers, and returns whether it was there.
async fn forget<A, S, P, C, E>(
    settings: &Settings,
    ports: &Ports<A, S, P, C, E>,
    loaded: &Loaded,
    fingerprint: &Fingerprint,
) -> Result<bool, DisownError>
where
    A: SecretStore,
{
    let authority = loaded.present_authority();
    let remembered = authority.map(Authority::remembered).unwrap_or_default();
    let others = remembered
        .iter()
        .filter(|it| it.root.fingerprint() != *fingerprint);
    let others: Vec<Remembered> = others.cloned().collect();
    if others.len() == remembered.len() {
        return Ok(false);
    }
    amend(settings, ports, loaded, &Amendment::Remember(&others))
        .await
        .map_err(DisownError::Store)?;
    Ok(true)
}

fn holds(entry: &EntryView, fingerprint: &Fingerprint) -> bool {
    let mut anchors = entry.bundle.anchors().iter();
    anchors.any(|anchor| anchor.fingerprint() == *fingerprint)
}

fn edit(
    entry: &EntryView,
    authority: &Authority,
    fingerprint: &Fingerprint,
) -> Result<EntryEdit, DisownError> {
    let roots = Bundle::new(authority.roots().map(Anchor::from));
    let roots = roots.map_err(|_| DisownError::NoAuthority)?;
    let others = entry.bundle.anchors().iter();
    let others = others.filter(|anchor| anchor.fingerprint() != *fingerprint);
    Ok(EntryEdit {
        entry: entry.name.clone(),
        bundle: roots.followed_by(others.cloned()),
    })
}

async fn publish<A, S, P, C, E>(
    ports: &Ports<A, S, P, C, E>,
    view: &TargetView,
    edits: &[EntryEdit],
) -> Result<(), DisownError>
where
    P: WebhookPatcher,
{
    let written = ports.patcher.repair(view, edits).await;
    written.map_err(|source| DisownError::Patch {
        target: view.target.clone(),
        source,
    })
}
