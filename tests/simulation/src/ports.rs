//! The ports of `rotator-core`, on the simulated API server.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use certgen::{KeyAlgorithm, PrivateKey, Serial};
use rotator_core::{
    Clock, ClockError, Entropy, EntropyError, EntryBundle, EntryEdit, EntryName, EntryView,
    PatchError, Ports, Record, RecordName, Revision, SecretStore, StoreError, Stored, TargetRef,
    TargetState, TargetView, TimeBounds, WebhookPatcher,
};
use webhook_inject::{EntryKey, EntryState, ObjectView};

use crate::{
    cluster::{Cluster, Refusal, SecretId, Writer},
    desk::{SharedDesk, view},
    fate::Fate,
    keys,
};

pub(crate) type SimulatedPorts = Ports<Connection, Connection, Connection, Connection, Connection>;

/// One controller's way to the API server, to the time and to chance.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) controller: usize,
    pub(crate) cluster: SharedCluster,
    pub(crate) desk: SharedDesk,
    pub(crate) secrets: Arc<BTreeMap<RecordName, SecretId>>,
}

/// Shared by every controller of one world. Never contended: a world lives in one thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedCluster(Arc<Mutex<Cluster>>);

impl SharedCluster {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Cluster> {
        // Poisoned by a panic, which is then what is reported.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    pub(crate) fn ports(&self) -> SimulatedPorts {
        Ports {
            authority: self.clone(),
            serving: self.clone(),
            patcher: self.clone(),
            clock: self.clone(),
            entropy: self.clone(),
        }
    }

    fn writer(&self) -> (Writer, u64) {
        (Writer::Controller(self.controller), self.desk.lock().since)
    }

    fn fate(&self) -> Option<Fate> {
        let fate = self.desk.lock().fate();
        if let Some(fate) = fate {
            let mut cluster = self.cluster.lock();
            *cluster.fates.entry(fate.kind()).or_default() += 1;
        }
        fate
    }

    fn write(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        let entries = record
            .expose_entries()
            .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
            .collect();
        let seen = seen.as_str().parse().expect("a revision of this store");
        let writer = self.writer();
        let written = self
            .cluster
            .lock()
            .save(self.secrets[name], Arc::new(entries), seen, writer);
        written
            .map(|revision| Revision::new(revision.to_string()))
            .map_err(|refusal| match refusal {
                Refusal::Conflict | Refusal::NotFound => StoreError::Conflict,
                Refusal::Forbidden => forbidden("update", name),
            })
    }

    fn patch(&self, seen: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        let writer = self.writer();
        let mut cluster = self.cluster.lock();
        let mut desk = self.desk.lock();
        let named = cluster
            .targets
            .iter()
            .position(|target| target.name == seen.target.name());
        let index = named.ok_or(PatchError::NotFound)?;
        let object = desk.heard[index].as_ref().ok_or(PatchError::NotFound)?;
        if object.uid != seen.uid || object.resource_version != seen.revision {
            return Err(PatchError::Conflict);
        }
        let bundles = edits
            .iter()
            .map(|edit| (EntryKey::new(edit.entry.as_str()), edit.bundle.clone()))
            .collect();
        let patch = webhook_inject::patch(object, &bundles).map_err(|_| PatchError::Conflict)?;
        let kind = cluster.targets[index].kind;
        match cluster.patch(index, &patch, writer) {
            Ok(written) => {
                desk.heard[index] = Some(view(kind, &written));
                Ok(())
            }
            Err(Refusal::Conflict) => Err(PatchError::Conflict),
            Err(Refusal::NotFound) => Err(PatchError::NotFound),
            Err(Refusal::Forbidden) => Err(PatchError::Forbidden {
                verb: "patch".to_owned(),
                object: seen.target.to_string(),
            }),
        }
    }
}

impl SecretStore for Connection {
    async fn load(&self, name: &RecordName) -> Result<Stored, StoreError> {
        let fate = self.fate();
        match fate {
            None | Some(Fate::HangsAfter) => {}
            Some(Fate::HangsBefore) => self.desk.hang().await,
            Some(Fate::Forbidden) => return Err(forbidden("get", name)),
            Some(Fate::Refused) => {
                return Err(StoreError::Unreadable {
                    object: name.to_string(),
                    reason: "made so by the simulation".to_owned(),
                });
            }
            Some(Fate::Throttled(secs)) => return Err(unavailable(Some(secs))),
            Some(Fate::Unavailable | Fate::LostReply | Fate::Conflict) => {
                return Err(unavailable(None));
            }
        }
        let stored = {
            let mut cluster = self.cluster.lock();
            cluster.reads += 1;
            cluster.secret(self.secrets[name])
        };
        if fate == Some(Fate::HangsAfter) {
            self.desk.hang().await;
        }
        let record = stored.entries.map(|entries| {
            let mut record = Record::new();
            for (name, bytes) in entries.iter() {
                record.insert(name.clone(), bytes.clone());
            }
            record
        });
        Ok(Stored {
            record,
            revision: Revision::new(stored.revision.to_string()),
        })
    }

    async fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        let fate = self.fate();
        match fate {
            None | Some(Fate::HangsAfter | Fate::LostReply) => {}
            Some(Fate::HangsBefore) => self.desk.hang().await,
            Some(Fate::Forbidden) => return Err(forbidden("update", name)),
            Some(Fate::Conflict) => return Err(StoreError::Conflict),
            Some(Fate::Throttled(secs)) => return Err(unavailable(Some(secs))),
            Some(Fate::Refused) => return Err(StoreError::TooLarge { size: 2, limit: 1 }),
            Some(Fate::Unavailable) => return Err(unavailable(None)),
        }
        let written = self.write(name, record, seen);
        match fate {
            Some(Fate::HangsAfter) => self.desk.hang().await,
            Some(Fate::LostReply) => return Err(unavailable(None)),
            _ => {}
        }
        written
    }
}

impl WebhookPatcher for Connection {
    async fn observe(&self) -> Vec<(TargetRef, TargetState)> {
        let fate = self.fate();
        if fate == Some(Fate::HangsBefore) {
            self.desk.hang().await;
        }
        let is_deaf = matches!(
            fate,
            Some(Fate::Unavailable | Fate::Throttled(_) | Fate::Refused)
        );
        let states = self.states(is_deaf);
        if fate == Some(Fate::HangsAfter) {
            self.desk.hang().await;
        }
        states
    }

    async fn publish(&self, target: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        let fate = self.fate();
        match fate {
            None | Some(Fate::HangsAfter | Fate::LostReply) => {}
            Some(Fate::HangsBefore) => self.desk.hang().await,
            Some(Fate::Conflict) => return Err(PatchError::Conflict),
            Some(Fate::Forbidden) => {
                return Err(PatchError::Forbidden {
                    verb: "patch".to_owned(),
                    object: target.target.to_string(),
                });
            }
            Some(Fate::Refused) => {
                return Err(PatchError::Refused {
                    reason: "made so by the simulation".to_owned(),
                });
            }
            Some(Fate::Throttled(secs)) => return Err(lost(Some(secs))),
            Some(Fate::Unavailable) => return Err(lost(None)),
        }
        let written = self.patch(target, edits);
        match fate {
            Some(Fate::HangsAfter) => self.desk.hang().await,
            Some(Fate::LostReply) => return Err(lost(None)),
            _ => {}
        }
        written
    }
}

impl Connection {
    fn states(&self, is_deaf: bool) -> Vec<(TargetRef, TargetState)> {
        let cluster = self.cluster.lock();
        let desk = self.desk.lock();
        let listed = cluster.targets.iter().enumerate();
        let listed = listed.filter(|(index, _)| !desk.unlisted.contains(index));
        let states = listed.map(|(index, target)| {
            let reference = TargetRef::new(target.kind.as_str(), &target.name);
            let state = if is_deaf {
                TargetState::Unavailable
            } else if cluster.forbidden_targets.contains(&index) {
                TargetState::Forbidden {
                    verb: "watch".to_owned(),
                    object: reference.to_string(),
                }
            } else {
                match &desk.heard[index] {
                    None => TargetState::Absent,
                    Some(object) => TargetState::Readable(target_view(&reference, object)),
                }
            };
            (reference, state)
        });
        states.collect()
    }
}

fn target_view(target: &TargetRef, object: &ObjectView) -> TargetView {
    let entries = object.entries.iter().map(|entry| EntryView {
        name: EntryName::new(entry.key.as_str()),
        bundle: match &entry.state {
            EntryState::Empty => EntryBundle::Empty,
            EntryState::Unusable(_) => EntryBundle::Unusable,
            EntryState::Holds(parsed) => EntryBundle::Holds(parsed.anchors.clone()),
        },
    });
    TargetView {
        target: target.clone(),
        uid: object.uid.clone(),
        revision: object.resource_version.clone(),
        entries: entries.collect(),
        last_writer: None,
    }
}

impl Clock for Connection {
    fn bounds(&self) -> Option<TimeBounds> {
        let mut desk = self.desk.lock();
        desk.knows_time.then(|| desk.read_clock())
    }

    async fn fresh(&self) -> Result<TimeBounds, ClockError> {
        match self.fate() {
            Some(Fate::HangsBefore | Fate::HangsAfter) => self.desk.hang().await,
            None => {}
            Some(_) => return Err(ClockError::new("made so by the simulation")),
        }
        let mut desk = self.desk.lock();
        desk.knows_time = true;
        Ok(desk.read_clock())
    }
}

impl Entropy for Connection {
    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, EntropyError> {
        Ok(keys::make(algorithm, &mut self.desk.lock().chance))
    }

    fn serial(&self) -> Result<Serial, EntropyError> {
        Ok(Serial::from_random(self.desk.lock().chance.bytes()))
    }
}

fn unavailable(retry_after: Option<u32>) -> StoreError {
    StoreError::Unavailable {
        retry_after: retry_after.map(|secs| Duration::from_secs(secs.into())),
        source: Box::from("made so by the simulation"),
    }
}

fn lost(retry_after: Option<u32>) -> PatchError {
    PatchError::Unavailable {
        retry_after: retry_after.map(|secs| Duration::from_secs(secs.into())),
        source: Box::from("made so by the simulation"),
    }
}

fn forbidden(verb: &str, name: &RecordName) -> StoreError {
    StoreError::Forbidden {
        verb: verb.to_owned(),
        object: name.to_string(),
    }
}
