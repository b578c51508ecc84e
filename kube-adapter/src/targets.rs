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

/// One object whose bundles this program manages.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct Target {
    /// Its kind.
    pub kind: TargetKind,
    /// Its name.
    pub name: String,
    /// Which of its entries.
    pub entries: Selector,
}

impl Target {
    /// Returns the name that reports use.
    pub fn reference(&self) -> TargetRef {
        TargetRef::new(self.kind.as_str(), &self.name)
    }
}

/// Watches targets by name and writes bundles into their entries by guarded JSON patches.
///
/// Knows each target from its watch, and sends no request while nothing changes. Watches up to eight targets of a kind
/// one by one, for which `resourceNames` suffice in RBAC; above that, and where permitted, the whole kind by one watch.
/// Keeps small views, never whole objects.
///
/// Carries out at most 32 writes at once. Routine writes of definitions, as in rotations, begin a second apart; the
/// first injection and repairs are not paced.
#[derive(Debug)]
pub struct KubeWebhookPatcher {
    api: ApiServer,
    shared: Arc<Shared>,
    /// Few enough to spare the API server, enough to hide its latency.
    parallel: Semaphore,
    /// When the next routine write of a definition may begin: each write ends all watches of its resources, on every
    /// API server, so they begin a second apart.
    next_definition: Mutex<Option<Instant>>,
    watches: Mutex<Vec<Task>>,
}

const PARALLEL: usize = 32;
const PAUSE_BETWEEN_DEFINITIONS: Duration = Duration::from_secs(1);
/// How many targets of one kind are watched by name.
const BY_NAME: usize = 8;
/// How long the first observation waits for all targets to be read.
const FIRST_LOOK: Duration = Duration::from_secs(5);

impl KubeWebhookPatcher {
    /// Watches the targets until this is dropped. Must be called within a tokio runtime.
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

    /// Returns the state of each target, as far as known. Sends no request.
    pub fn statuses(&self) -> Vec<(TargetRef, TargetStatus)> {
        let now = Instant::now();
        let known = self.shared.known();
        let status = |known: &Known| (known.target().reference(), known.status(now));
        known.values().map(status).collect()
    }

    /// Restarts all watches, instead of waiting up to half a minute until one that was refused is retried.
    ///
    /// Must be called within a tokio runtime.
    pub fn look_again(&self) {
        let anew = watch_all(&self.api, &self.shared);
        *self.watches.lock().unwrap_or_else(PoisonError::into_inner) = anew;
    }

    /// An independent subscription: each receiver sees every change, while [`changed`](WebhookPatcher::changed) serves
    /// one caller.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Returns the webhooks among the targets that may block their own pods, or renewal of their own certificate.
    pub fn deadlocks(&self) -> Vec<(TargetRef, Deadlock)> {
        let known = self.shared.known();
        let each = known.values().flat_map(|known| {
            let target = known.target().reference();
            let deadlocks = known.deadlocks().iter().cloned();
            deadlocks.map(move |deadlock| (target.clone(), deadlock))
        });
        each.collect()
    }

    /// Takes the turn to write a definition, or returns how long until the next turn.
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
        // The next decision sees this write, even before the watch reports it.
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
        // Late answers arrive as changes.
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

/// What is known from the watches and the writes.
#[derive(Debug)]
struct Shared {
    known: Mutex<BTreeMap<Key, Known>>,
    /// Counts changes that matter to a decision.
    changes: Changes,
    /// Signals any news at all.
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

    /// Changes what is known of one target; `change` returns whether the difference matters.
    fn tell(&self, key: &Key, change: impl FnOnce(&mut Known) -> bool) {
        let matters = self.known().get_mut(key).is_some_and(change);
        self.heard.send_replace(());
        if matters {
            self.changes.note();
        }
    }

    /// Takes in the object of an answer, only if nothing newer was heard since `before`.
    fn answered(&self, key: &Key, object: &Value, before: Option<&str>) {
        if self.revision(key).as_deref() == before {
            self.present(key, object);
        }
    }

    /// Takes in the object of a watch.
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

/// Small for definitions, which may have a megabyte each.
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
        // The API server would refuse this name.
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

/// Starts one watch for all targets of a kind; if that is forbidden, one for each.
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
                // Watching each by its name needs less permission, and is right whether or not this refusal lasts.
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

/// Converts the view for [`Known`] to the core's types.
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
