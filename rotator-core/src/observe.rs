//! Reads the ports, and turns what was read into facts.

use alloc::{collections::BTreeMap, string::ToString as _, vec::Vec};
use core::time::Duration;

use certgen::{Anchor, Fingerprint};
use futures_util::future::join_all;

use crate::{
    authority_record::Authority,
    observation::{
        AnchorView, EntrySeen, Lane, Observation, Seen, ServingObservation, ServingView,
        TargetObservation, TargetSeen,
    },
    ports::{Ports, SecretStore, WebhookPatcher},
    serving_record::{self, Serving},
    settings::{ServingSettings, Settings},
    step_error::StepError,
    store::{Record, RecordName, Revision, StoreError, Stored},
    target::{EntryBundle, TargetRef, TargetState, TargetView},
    verifiers::verifiers,
};

/// What one pass over the ports read. Contains private keys: lives for one step.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// `None`: not read.
    pub(crate) authority: Option<Read<Authority>>,
    serving: Vec<(RecordName, Option<Read<Serving>>)>,
    targets: Vec<(TargetRef, TargetState)>,
    /// The position of each target among them.
    places: BTreeMap<TargetRef, usize>,
    /// Why records were not read.
    pub(crate) failures: Vec<(Lane, StoreError)>,
}

/// A record as read, and its decoded content; empty if the record is absent.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) record: Option<Record>,
    pub(crate) revision: Revision,
    pub(crate) content: Option<T>,
}

/// Reads targets first, serving records next, the authority last, so that a decision never combines an old authority
/// with newer records. Records skipped by `may_read` count as unread.
pub(crate) async fn load<A, S, P, C, E>(
    settings: &Settings,
    ports: &Ports<A, S, P, C, E>,
    may_read: impl Fn(&Lane) -> bool,
) -> Loaded
where
    A: SecretStore,
    S: SecretStore,
    P: WebhookPatcher,
{
    let targets = ports.patcher.observe().await;
    let serving = settings.serving.iter().map(|serving| async {
        let lane = Lane::Serving(serving.record.clone());
        let read = if may_read(&lane) {
            let stored = ports.serving.load(&serving.record).await;
            Some(stored.map(read_serving))
        } else {
            None
        };
        (lane, serving.record.clone(), read)
    });
    let serving = join_all(serving).await;
    let authority = if may_read(&Lane::Authority) {
        let stored = ports.authority.load(&settings.authority).await;
        Some(stored.and_then(|stored| read_authority(stored, &settings.authority)))
    } else {
        None
    };

    let mut failures = Vec::new();
    let mut failed = |lane, error| failures.push((lane, error));
    let serving = serving.into_iter().map(|(lane, name, read)| {
        let read = read.and_then(|read| read.map_err(|error| failed(lane, error)).ok());
        (name, read)
    });
    let serving = serving.collect();
    let authority =
        authority.and_then(|read| read.map_err(|error| failed(Lane::Authority, error)).ok());
    let names = targets.iter().map(|(target, _)| target.clone());
    Loaded {
        authority,
        serving,
        places: names.zip(0..).collect(),
        targets,
        failures,
    }
}

fn read_serving(stored: Stored) -> Read<Serving> {
    let present = stored.record.filter(|record| !record.is_empty());
    let content = present
        .as_ref()
        .filter(|record| !serving_record::is_blank(record))
        .map(Serving::decode);
    Read {
        record: present,
        revision: stored.revision,
        content,
    }
}

fn read_authority(stored: Stored, name: &RecordName) -> Result<Read<Authority>, StoreError> {
    let present = stored.record.filter(|record| !record.is_empty());
    let content = present
        .as_ref()
        .map(Authority::decode)
        .transpose()
        .map_err(|error| StoreError::Unreadable {
            object: name.to_string(),
            reason: error.to_string(),
        })?;
    Ok(Read {
        record: present,
        revision: stored.revision,
        content,
    })
}

impl Loaded {
    /// The authority, if there is one and it was read.
    pub(crate) fn present_authority(&self) -> Option<&Authority> {
        self.authority.as_ref()?.content.as_ref()
    }

    /// A serving record, if it was read.
    pub(crate) fn serving(&self, name: &RecordName) -> Option<&Read<Serving>> {
        self.serving
            .iter()
            .find(|(record, _)| record == name)
            .and_then(|(_, read)| read.as_ref())
    }

    /// The lanes of the records that were read.
    pub(crate) fn read_records(&self) -> impl Iterator<Item = Lane> {
        let serving = self.serving.iter().filter(|(_, read)| read.is_some());
        let authority = self.authority.iter().map(|_| Lane::Authority);
        authority.chain(serving.map(|(name, _)| Lane::Serving(name.clone())))
    }

    /// The targets that were read.
    pub(crate) fn readable_targets(&self) -> impl Iterator<Item = &TargetView> {
        self.targets.iter().filter_map(|(_, state)| readable(state))
    }

    /// Every certificate in an entry that was read, and every root that the authority record remembers.
    pub(crate) fn foreign_or_ours(&self) -> BTreeMap<Fingerprint, &Anchor> {
        let entries = self.readable_targets().flat_map(|view| &view.entries);
        let held = entries.flat_map(|entry| entry.bundle.anchors());
        let authority = self.present_authority().into_iter();
        let remembered = authority.flat_map(Authority::remembered).map(|it| &it.root);
        held.chain(remembered)
            .map(|anchor| (anchor.fingerprint(), anchor))
            .collect()
    }

    pub(crate) fn target(&self, name: &TargetRef) -> Option<&TargetView> {
        let (_, state) = self.targets.get(*self.places.get(name)?)?;
        readable(state)
    }

    /// The targets that exist, or may, and were not read. The rotator does not retry them: the patcher signals when
    /// that changes.
    pub(crate) fn unread_targets(&self) -> impl Iterator<Item = (Lane, StepError)> {
        self.targets.iter().filter_map(|(target, state)| {
            let error = match state {
                TargetState::Forbidden { verb, object } => StepError::TargetForbidden {
                    verb: verb.clone(),
                    object: object.clone(),
                },
                TargetState::Unavailable => StepError::TargetUnavailable,
                TargetState::Readable(_) | TargetState::Absent | TargetState::NotInstalled => {
                    return None;
                }
            };
            Some((Lane::Target(target.clone()), error))
        })
    }

    /// The facts in what was read.
    pub(crate) fn observation(&self, settings: &Settings) -> Observation {
        let serving = settings.serving.iter().map(|serving| ServingObservation {
            record: serving.record.clone(),
            wanted: serving.names.clone(),
            seen: self.serving(&serving.record).map_or(Seen::Failed, |read| {
                read.content.as_ref().map_or(Seen::Absent, |content| {
                    Seen::Present(self.serving_view(content, serving))
                })
            }),
            pause: Duration::ZERO,
        });
        Observation {
            authority: match &self.authority {
                None => Seen::Failed,
                Some(Read { content: None, .. }) => Seen::Absent,
                Some(Read {
                    content: Some(authority),
                    ..
                }) => authority.view().map_or(Seen::Failed, Seen::Present),
            },
            serving: serving.collect(),
            targets: self
                .targets
                .iter()
                .map(|(target, state)| TargetObservation {
                    target: target.clone(),
                    seen: target_seen(state),
                    undone: None,
                })
                .collect(),
            holds: BTreeMap::new(),
        }
    }

    /// The facts in `serving`, with what verifies its leaf if it is foreign.
    fn serving_view(&self, serving: &Serving, settings: &ServingSettings) -> ServingView {
        let mut view = serving.view(self.present_authority());
        if let (Some(leaf), Some(chain)) = (&mut view.leaf, &serving.chain)
            && leaf.generation.is_none()
        {
            let anchors = self.foreign_or_ours();
            leaf.verifiers = verifiers(chain, &settings.names, anchors.into_values());
        }
        view
    }
}

fn readable(state: &TargetState) -> Option<&TargetView> {
    match state {
        TargetState::Readable(view) => Some(view),
        TargetState::Absent
        | TargetState::Forbidden { .. }
        | TargetState::NotInstalled
        | TargetState::Unavailable => None,
    }
}

fn target_seen(state: &TargetState) -> TargetSeen {
    match state {
        TargetState::Absent | TargetState::NotInstalled => TargetSeen::Absent,
        TargetState::Forbidden { .. } | TargetState::Unavailable => TargetSeen::Unreadable,
        TargetState::Readable(view) => TargetSeen::Readable(
            view.entries
                .iter()
                .map(|entry| (entry.name.clone(), entry_seen(&entry.bundle)))
                .collect(),
        ),
    }
}

fn entry_seen(bundle: &EntryBundle) -> EntrySeen {
    match bundle {
        EntryBundle::Empty | EntryBundle::Unusable => EntrySeen::Broken,
        EntryBundle::Holds(anchors) => EntrySeen::Holds(
            anchors
                .iter()
                .map(|anchor| (anchor.fingerprint(), anchor_view(anchor)))
                .collect(),
        ),
    }
}

fn anchor_view(anchor: &Anchor) -> AnchorView {
    AnchorView {
        not_after: anchor.facts().not_after,
        subject: anchor.subject_fingerprint(),
        size: anchor.pem_len(),
    }
}
