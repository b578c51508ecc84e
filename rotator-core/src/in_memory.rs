//! Ports in memory, with faults on demand: for tests, examples and the demo.
//!
//! Both behave as the real ones in what matters: every write is a compare-and-swap, an answer can be lost after the
//! write took place, and what was read does not change.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::ToString as _,
    sync::Arc,
    vec::Vec,
};
use core::{error::Error, time::Duration};

use certgen::parse_bundle;
use spin::Mutex;

use crate::{
    ports::{SecretStore, WebhookPatcher},
    store::{Record, RecordName, Revision, StoreError, Stored},
    target::{
        EntryBundle, EntryEdit, EntryName, EntryView, PatchError, TargetRef, TargetState,
        TargetView,
    },
};

/// What goes wrong in the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No answer, and nothing happened.
    Unavailable,
    /// The write took place, but its answer got lost.
    LostReply,
    /// Another writer was first.
    Conflict,
    /// The permission is missing.
    Forbidden,
    /// The content cannot be read.
    Unreadable,
    /// The answer is a request to come back in ten seconds, and nothing happened.
    Busy,
    /// The turn of a target comes in two seconds. For a record the same as [`Busy`](Self::Busy).
    Paced,
}

/// A [`SecretStore`] in memory. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<StoreState>>,
}

#[derive(Debug, Default)]
struct StoreState {
    records: BTreeMap<RecordName, (Option<Record>, u64)>,
    faults: BTreeMap<RecordName, VecDeque<Fault>>,
    writes: u64,
    reads: u64,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next call for this record fail; further faults queue up.
    pub fn arm(&self, name: &RecordName, fault: Fault) {
        self.state
            .lock()
            .faults
            .entry(name.clone())
            .or_default()
            .push_back(fault);
    }

    /// Writes a record as another writer would, or with `None` deletes it.
    pub fn put(&self, name: &RecordName, record: Option<Record>) {
        let mut state = self.state.lock();
        let revision = state.records.get(name).map_or(0, |(_, revision)| *revision);
        state
            .records
            .insert(name.clone(), (record, revision.saturating_add(1)));
    }

    /// A copy of a record as it stands.
    pub fn get(&self, name: &RecordName) -> Option<Record> {
        self.state
            .lock()
            .records
            .get(name)
            .and_then(|(record, _)| record.as_ref().map(Record::duplicate))
    }

    /// How many writes took place.
    pub fn writes(&self) -> u64 {
        self.state.lock().writes
    }

    /// How many reads were asked for.
    pub fn reads(&self) -> u64 {
        self.state.lock().reads
    }
}

impl SecretStore for MemoryStore {
    async fn load(&self, name: &RecordName) -> Result<Stored, StoreError> {
        let mut state = self.state.lock();
        state.reads = state.reads.saturating_add(1);
        match state.fault(name) {
            None => {}
            Some(Fault::Forbidden) => {
                return Err(StoreError::Forbidden {
                    verb: "get".to_string(),
                    object: name.to_string(),
                });
            }
            Some(Fault::Unreadable) => {
                return Err(StoreError::Unreadable {
                    object: name.to_string(),
                    reason: "made so by a test".to_string(),
                });
            }
            Some(Fault::Conflict | Fault::LostReply | Fault::Unavailable) => {
                return Err(unavailable());
            }
            Some(Fault::Busy | Fault::Paced) => return Err(busy()),
        }
        let (record, revision) = match state.records.get(name) {
            None => (None, 0),
            Some((record, revision)) => (record.as_ref().map(Record::duplicate), *revision),
        };
        Ok(Stored {
            record,
            revision: Revision::new(revision.to_string()),
        })
    }

    async fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        let mut state = self.state.lock();
        let fault = state.fault(name);
        match fault {
            None | Some(Fault::LostReply) => {}
            Some(Fault::Conflict) => return Err(StoreError::Conflict),
            Some(Fault::Forbidden) => {
                return Err(StoreError::Forbidden {
                    verb: "update".to_string(),
                    object: name.to_string(),
                });
            }
            Some(Fault::Unavailable | Fault::Unreadable) => return Err(unavailable()),
            Some(Fault::Busy | Fault::Paced) => return Err(busy()),
        }
        let size = record
            .expose_entries()
            .map(|(entry, bytes)| entry.len().saturating_add(bytes.len()))
            .sum();
        if size > LIMIT {
            return Err(StoreError::TooLarge { size, limit: LIMIT });
        }
        let revision = state.records.get(name).map_or(0, |(_, revision)| *revision);
        if revision.to_string() != seen.as_str() {
            return Err(StoreError::Conflict);
        }
        let next = revision.saturating_add(1);
        state
            .records
            .insert(name.clone(), (Some(record.duplicate()), next));
        state.writes = state.writes.saturating_add(1);
        if fault.is_some() {
            Err(unavailable())
        } else {
            Ok(Revision::new(next.to_string()))
        }
    }
}

/// The most that a Kubernetes Secret can contain, in bytes.
const LIMIT: usize = 1 << 20;

impl StoreState {
    fn fault(&mut self, name: &RecordName) -> Option<Fault> {
        self.faults.get_mut(name).and_then(VecDeque::pop_front)
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable {
        retry_after: None,
        source: cause(),
    }
}

fn busy() -> StoreError {
    StoreError::Unavailable {
        retry_after: Some(Duration::from_secs(10)),
        source: cause(),
    }
}

fn cause() -> Box<dyn Error + Send + Sync> {
    Box::from("made so by a test")
}

/// A [`WebhookPatcher`] in memory: targets are names and the bytes of their caBundles. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct MemoryTargets {
    state: Arc<Mutex<TargetsState>>,
}

#[derive(Debug, Default)]
struct TargetsState {
    targets: BTreeMap<TargetRef, Target>,
    writes: u64,
}

#[derive(Debug)]
struct Target {
    revision: u64,
    state: MemoryTarget,
    faults: VecDeque<Fault>,
}

/// One target in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests set each of them")]
pub enum MemoryTarget {
    /// It exists; entry names and the bytes of their caBundles.
    Exists(BTreeMap<EntryName, Vec<u8>>),
    /// It does not exist.
    Absent,
    /// The permission to read it is missing.
    Forbidden,
}

impl MemoryTargets {
    /// Makes a patcher without targets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes, changes or deletes a target as another writer would.
    pub fn put(&self, target: &TargetRef, content: MemoryTarget) {
        let mut state = self.state.lock();
        let before = state.targets.remove(target);
        let revision = before
            .as_ref()
            .map_or(0, |before| before.revision)
            .saturating_add(1);
        let faults = before.map(|before| before.faults).unwrap_or_default();
        state.targets.insert(
            target.clone(),
            Target {
                revision,
                state: content,
                faults,
            },
        );
    }

    /// The bytes of an entry's caBundle as they stand.
    pub fn bundle(&self, target: &TargetRef, entry: &EntryName) -> Option<Vec<u8>> {
        match &self.state.lock().targets.get(target)?.state {
            MemoryTarget::Exists(entries) => entries.get(entry).cloned(),
            MemoryTarget::Absent | MemoryTarget::Forbidden => None,
        }
    }

    /// Makes the next write to this target fail; further faults queue up.
    pub fn arm(&self, target: &TargetRef, fault: Fault) {
        if let Some(target) = self.state.lock().targets.get_mut(target) {
            target.faults.push_back(fault);
        }
    }

    /// How many writes took place.
    pub fn writes(&self) -> u64 {
        self.state.lock().writes
    }
}

impl WebhookPatcher for MemoryTargets {
    async fn observe(&self) -> Vec<(TargetRef, TargetState)> {
        let state = self.state.lock();
        state
            .targets
            .iter()
            .map(|(name, target)| (name.clone(), observed(name, target)))
            .collect()
    }

    async fn publish(&self, view: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        let mut state = self.state.lock();
        let target = state
            .targets
            .get_mut(&view.target)
            .ok_or(PatchError::NotFound)?;
        let fault = target.faults.pop_front();
        match fault {
            None | Some(Fault::LostReply) => {}
            Some(Fault::Conflict) => return Err(PatchError::Conflict),
            Some(Fault::Forbidden) => {
                return Err(PatchError::Forbidden {
                    verb: "patch".to_string(),
                    object: view.target.to_string(),
                });
            }
            Some(Fault::Unavailable | Fault::Unreadable) => return Err(lost(1)),
            Some(Fault::Busy) => return Err(lost(10)),
            Some(Fault::Paced) => {
                let wait = Duration::from_secs(2);
                return Err(PatchError::Paced { wait });
            }
        }
        if target.revision.to_string() != view.revision {
            return Err(PatchError::Conflict);
        }
        let MemoryTarget::Exists(entries) = &mut target.state else {
            return Err(PatchError::NotFound);
        };
        for edit in edits {
            let entry = entries.get_mut(&edit.entry).ok_or(PatchError::Conflict)?;
            *entry = edit.bundle.to_pem().into_bytes();
        }
        target.revision = target.revision.saturating_add(1);
        state.writes = state.writes.saturating_add(1);
        if fault.is_some() {
            Err(lost(1))
        } else {
            Ok(())
        }
    }
}

fn lost(retry_after: u64) -> PatchError {
    PatchError::Unavailable {
        retry_after: Some(Duration::from_secs(retry_after)),
        source: cause(),
    }
}

fn observed(name: &TargetRef, target: &Target) -> TargetState {
    match &target.state {
        MemoryTarget::Absent => TargetState::Absent,
        MemoryTarget::Forbidden => TargetState::Forbidden {
            verb: "get".to_string(),
            object: name.to_string(),
        },
        MemoryTarget::Exists(entries) => TargetState::Readable(TargetView {
            target: name.clone(),
            uid: format!("uid of {name}"),
            revision: target.revision.to_string(),
            entries: entries
                .iter()
                .map(|(entry, bytes)| EntryView {
                    name: entry.clone(),
                    bundle: entry_bundle(bytes),
                })
                .collect(),
            last_writer: None,
        }),
    }
}

fn entry_bundle(bytes: &[u8]) -> EntryBundle {
    let parsed = parse_bundle(bytes);
    if bytes.trim_ascii().is_empty() {
        EntryBundle::Empty
    } else if parsed.anchors.is_empty() {
        EntryBundle::Unusable
    } else {
        EntryBundle::Holds(parsed.anchors)
    }
}
