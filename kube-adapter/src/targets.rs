//! [`WebhookPatcher`] on webhook configurations, custom resource definitions, API services and providers.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rotator_core::{EntryEdit, PatchError, TargetRef, TargetState, TargetView, WebhookPatcher};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};
use webhook_inject::{Deadlock, EntryKey, ObjectView, Selector, TargetKind, deadlocks, view};

use crate::{
    api_server::ApiServer,
    changes::Changes,
    fault::Fault,
    object_name::check_subdomain,
    resource::{Resource, Scope},
    target_status::TargetStatus,
    watch::{News, Task, follow},
};

mod known;
#[cfg(test)]
mod tests;

use known::Known;

/// One object whose bundles are to be kept.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever names a target must say all of it"
)]
pub struct Target {
    /// Its kind.
    pub kind: TargetKind,
    /// Its name.
    pub name: String,
    /// Which of its entries.
    pub entries: Selector,
}

impl Target {
    /// How reports name it.
    pub fn reference(&self) -> TargetRef {
        TargetRef::new(self.kind.as_str(), &self.name)
    }
}

/// Watches targets by name and writes bundles into their entries by guarded JSON patches.
///
/// What is known of a target comes from its watch; nothing is asked for while nothing changes. Up to eight targets of a kind
/// are watched one by one, for which `resourceNames` suffice in RBAC; above that, and where it is permitted, the whole kind
/// by one watch. Small views are kept, never whole objects.
///
/// At most 32 writes are under way. Routine writes of definitions, which rotations are made of, begin a second apart;
/// the first injection and repairs are not paced.
#[derive(Debug)]
pub struct KubeWebhookPatcher {
    api: ApiServer,
    shared: Arc<Shared>,
    /// Few enough to be polite to the API server, enough to hide its latency.
    parallel: Semaphore,
    /// Each write of a definition ends all watches of its resources, on every API server: where nothing is broken they
    /// begin a second apart.
    next_definition: Mutex<Option<Instant>>,
    watches: Mutex<Vec<Task>>,
}

const PARALLEL: usize = 32;
const PAUSE_BETWEEN_DEFINITIONS: Duration = Duration::from_secs(1);
/// How many targets of one kind are watched by name.
const BY_NAME: usize = 8;
/// How long the first look waits for all targets to be read.
const FIRST_LOOK: Duration = Duration::from_secs(5);

impl KubeWebhookPatcher {
    /// Begins to watch the targets, until this is dropped. Must be called within a tokio runtime.
    pub fn watching(api: &ApiServer, targets: impl IntoIterator<Item = Target>) -> Self {
        let shared = Arc::new(Shared::new(targets));
        Self {
            api: api.clone(),
            watches: Mutex::new(watch_all(api, &shared)),
            shared,
            parallel: Semaphore::new(PARALLEL),
            next_definition: Mutex::new(None),
        }
    }

    /// How each target stands, as far as was heard. Asks nothing of the API server.
    pub fn statuses(&self) -> Vec<(TargetRef, TargetStatus)> {
        let now = Instant::now();
        let known = self.shared.known();
        let status = |known: &Known| (known.target().reference(), known.status(now));
        known.values().map(status).collect()
    }

    /// Begins all watches anew, instead of waiting up to half a minute until the next try of one that was refused. Must be
    /// called within a tokio runtime.
    pub fn look_again(&self) {
        let anew = watch_all(&self.api, &self.shared);
        *self.watches.lock().unwrap_or_else(PoisonError::into_inner) = anew;
    }

    /// For a second one who waits: each receiver sees every change, [`changed`](WebhookPatcher::changed) is for one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// The webhooks among the targets that may block their own pods, or renewal of their own certificate.
    pub fn deadlocks(&self) -> Vec<(TargetRef, Deadlock)> {
        let known = self.shared.known();
        let each = known.values().flat_map(|known| {
            let target = known.target().reference();
            let deadlocks = known.deadlocks().iter().cloned();
            deadlocks.map(move |deadlock| (target.clone(), deadlock))
        });
        each.collect()
    }

    /// Or says how long until the turn of another definition.
    fn take_turn(&self) -> Result<(), PatchError> {
        let now = Instant::now();
        let next = self.next_definition.lock();
        let mut next = next.unwrap_or_else(PoisonError::into_inner);
        let wait = next.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        if wait.is_zero() {
            *next = Some(now + PAUSE_BETWEEN_DEFINITIONS);
            Ok(())
        } else {
            Err(PatchError::Paced { wait })
        }
    }

    async fn write(
        &self,
        seen: &TargetView,
        edits: &[EntryEdit],
        pace: Pace,
    ) -> Result<(), PatchError> {
        let key = key_of(&seen.target).ok_or(PatchError::NotFound)?;
        let bundles = edits
            .iter()
            .map(|edit| (EntryKey::new(edit.entry.as_str()), edit.bundle.clone()))
            .collect();
        let patch = {
            let known = self.shared.known();
            let object = known
                .get(&key)
                .and_then(Known::view)
                .ok_or(PatchError::NotFound)?;
            if object.uid != seen.uid || object.resource_version != seen.revision {
                return Err(PatchError::Conflict);
            }
            webhook_inject::patch(object, &bundles).map_err(|_| PatchError::Conflict)?
        };
        if pace == Pace::InTurn && key.0 == TargetKind::CustomResourceDefinition {
            self.take_turn()?;
        }
        // The semaphore is never closed.
        let _permit = self.parallel.acquire().await;
        self.patch(&key, &patch).await
    }

    async fn patch(&self, key: &Key, patch: &Value) -> Result<(), PatchError> {
        let (request, needs) = resource(key.0).json_patch(&key.1, patch)?;
        let before = self.shared.revision(key);
        let body = self.api.call(request, &needs).await?;
        // The next decision sees this write, whether or not the watch has told of it.
        if let Ok(object) = serde_json::from_slice(&body) {
            self.shared.answered(key, &object, before.as_deref());
        }
        Ok(())
    }
}

impl WebhookPatcher for KubeWebhookPatcher {
    async fn observe(&self) -> Vec<(TargetRef, TargetState)> {
        let mut changes = self.shared.heard.subscribe();
        let all_heard = changes.wait_for(|()| self.shared.all_heard());
        // Late answers come as changes.
        let _ = tokio::time::timeout(FIRST_LOOK, all_heard).await;
        let now = Instant::now();
        self.shared
            .known()
            .values()
            .map(|known| (known.target().reference(), known.state(now)))
            .collect()
    }

    async fn publish(&self, seen: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        self.write(seen, edits, Pace::InTurn).await
    }

    async fn repair(&self, seen: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        self.write(seen, edits, Pace::AtOnce).await
    }

    async fn changed(&self) {
        self.shared.changes.next().await;
    }
}

/// Whether a write of a definition waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    InTurn,
    AtOnce,
}

type Key = (TargetKind, String);

fn key_of(target: &TargetRef) -> Option<Key> {
    let kind = target.kind().parse().ok()?;
    Some((kind, target.name().to_owned()))
}

/// What the watches and the writes know together.
#[derive(Debug)]
struct Shared {
    known: Mutex<BTreeMap<Key, Known>>,
    /// Something that matters to a decision changed.
    changes: Changes,
    /// Something was heard, whatever it was.
    heard: watch::Sender<()>,
}

impl Shared {
    fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        let known = targets
            .into_iter()
            .map(|target| ((target.kind, target.name.clone()), Known::new(target)))
            .collect();
        Self {
            known: Mutex::new(known),
            changes: Changes::default(),
            heard: watch::Sender::new(()),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Key, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_heard(&self) -> bool {
        self.known().values().all(Known::is_heard)
    }

    fn revision(&self, key: &Key) -> Option<String> {
        let known = self.known();
        let view = known.get(key)?.view()?;
        Some(view.resource_version.clone())
    }

    /// Changes what is known of one target; `change` tells whether it matters.
    fn tell(&self, key: &Key, change: impl FnOnce(&mut Known) -> bool) {
        let matters = self.known().get_mut(key).is_some_and(change);
        self.heard.send_replace(());
        if matters {
            self.changes.note();
        }
    }

    /// The object as an answer showed it: it counts only if nothing newer was heard since `before`.
    fn answered(&self, key: &Key, object: &Value, before: Option<&str>) {
        if self.revision(key).as_deref() == before {
            self.present(key, object);
        }
    }

    /// The object as a watch showed it.
    fn present(&self, key: &Key, object: &Value) {
        self.tell(key, |known| {
            let target = known.target();
            match view(target.kind, object, &target.entries) {
                Ok(view) => {
                    let warnings = deadlocks(target.kind, object, &target.entries);
                    known.present(view, warnings)
                }
                Err(error) => known.trouble(&Fault::unavailable(error)),
            }
        });
    }

    fn gone(&self, key: &Key) {
        self.tell(key, Known::gone);
    }

    fn trouble(&self, key: &Key, fault: &Fault) {
        self.tell(key, |known| known.trouble(fault));
    }
}

fn resource(kind: TargetKind) -> Resource {
    let group_version = match kind {
        TargetKind::ValidatingWebhookConfiguration | TargetKind::MutatingWebhookConfiguration => {
            "apis/admissionregistration.k8s.io/v1"
        }
        TargetKind::CustomResourceDefinition => "apis/apiextensions.k8s.io/v1",
        TargetKind::ApiService => "apis/apiregistration.k8s.io/v1",
        TargetKind::Provider => "apis/externaldata.gatekeeper.sh/v1beta1",
    };
    Resource::cluster(group_version, kind.plural())
}

fn watch_all(api: &ApiServer, shared: &Arc<Shared>) -> Vec<Task> {
    let mut kinds: BTreeMap<TargetKind, Vec<String>> = BTreeMap::new();
    for key in shared.known().keys() {
        kinds.entry(key.0).or_default().push(key.1.clone());
    }
    let watches = kinds.into_iter().flat_map(|(kind, names)| {
        if names.len() > BY_NAME {
            vec![watch_kind(api.clone(), Arc::clone(shared), kind, names)]
        } else {
            let watch = |name| watch_one(api.clone(), Arc::clone(shared), kind, name);
            names.into_iter().map(watch).collect()
        }
    });
    watches.collect()
}

/// Definitions may be a megabyte each.
fn page_size(kind: TargetKind) -> u32 {
    if kind == TargetKind::CustomResourceDefinition {
        10
    } else {
        100
    }
}

fn scope(kind: TargetKind, name: Option<String>) -> Scope {
    Scope {
        name,
        labels: None,
        metadata_only: false,
        page_size: page_size(kind),
    }
}

fn watch_one(api: ApiServer, shared: Arc<Shared>, kind: TargetKind, name: String) -> Task {
    let key = (kind, name.clone());
    if check_subdomain(&name).is_err() {
        // The API server would refuse the name as well.
        shared.gone(&key);
        return Task::spawn(std::future::ready(()));
    }
    let mut listed = false;
    let tell = move |news: News<Value>| {
        match news {
            News::Listing => listed = false,
            News::Present(object) => {
                listed = true;
                shared.present(&key, &object);
            }
            News::Listed if listed => {}
            News::Gone(_) | News::Listed => shared.gone(&key),
            News::Watching => {}
            News::Trouble(fault) => shared.trouble(&key, &fault),
        }
        ControlFlow::Continue(())
    };
    Task::spawn(follow(api, resource(kind), scope(kind, Some(name)), tell))
}

/// One watch for all targets of a kind; if that is forbidden, one for each.
fn watch_kind(api: ApiServer, shared: Arc<Shared>, kind: TargetKind, names: Vec<String>) -> Task {
    Task::spawn(async move {
        let names: BTreeSet<String> = names.into_iter().collect();
        let mut unseen = names.clone();
        let tell = |news: News<Value>| {
            match news {
                News::Listing => unseen.clone_from(&names),
                News::Present(object) => {
                    if let Some(key) = ours(kind, &object, &names) {
                        unseen.remove(&key.1);
                        shared.present(&key, &object);
                    }
                }
                News::Gone(object) => {
                    if let Some(key) = ours(kind, &object, &names) {
                        shared.gone(&key);
                    }
                }
                News::Listed => {
                    for name in std::mem::take(&mut unseen) {
                        shared.gone(&(kind, name));
                    }
                }
                News::Watching => {}
                // Each by its name needs less, and is right whether or not this is to be believed.
                News::Trouble(Fault::Forbidden(_) | Fault::RefusedOnce { .. }) => {
                    return ControlFlow::Break(());
                }
                News::Trouble(fault) => {
                    for name in &names {
                        shared.trouble(&(kind, name.clone()), &fault);
                    }
                }
            }
            ControlFlow::Continue(())
        };
        follow(api.clone(), resource(kind), scope(kind, None), tell).await;
        let one = |name| watch_one(api.clone(), Arc::clone(&shared), kind, name);
        let _watches: Vec<Task> = names.into_iter().map(one).collect();
        std::future::pending::<()>().await;
    })
}

fn ours(kind: TargetKind, object: &Value, names: &BTreeSet<String>) -> Option<Key> {
    let name = object.pointer("/metadata/name")?.as_str()?;
    names.contains(name).then(|| (kind, name.to_owned()))
}

/// For [`Known`]: the view in the core's words.
fn target_view(target: &Target, object: &ObjectView) -> TargetView {
    use rotator_core::{EntryBundle, EntryName, EntryView};
    use webhook_inject::EntryState;

    let entries = object.entries.iter().map(|entry| EntryView {
        name: EntryName::new(entry.key.as_str()),
        bundle: match &entry.state {
            EntryState::Empty => EntryBundle::Empty,
            EntryState::Unusable(_) => EntryBundle::Unusable,
            EntryState::Holds(parsed) => EntryBundle::Holds(parsed.anchors.clone()),
        },
    });
    TargetView {
        target: target.reference(),
        uid: object.uid.clone(),
        revision: object.resource_version.clone(),
        entries: entries.collect(),
        last_writer: object.last_writer.clone(),
    }
}
