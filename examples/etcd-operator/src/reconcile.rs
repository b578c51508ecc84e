//! Creates the objects of an `Etcd`, and writes its status.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{apps::v1::StatefulSet, core::v1::Service, policy::v1::PodDisruptionBudget},
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{
        Controller,
        controller::{self, Action},
        events::{Event, EventType, Recorder, Reporter},
        reflector::Store,
        watcher,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    api::v1::Etcd,
    children::{Children, ChildrenError, Surroundings, children},
    status,
};

const MANAGER: &str = "etcd-operator";
/// How long one round may take: the client retries by itself, for minutes.
const ROUND_LIMIT: Duration = Duration::from_secs(30);
/// How often to reconcile in case an event was missed.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

struct Context {
    client: Client,
    around: Surroundings,
    recorder: Recorder,
    known: Store<Etcd>,
    /// How many times in a row reconciling failed, by uid.
    failures: Mutex<BTreeMap<String, u32>>,
}

impl Context {
    fn succeeded(&self, etcd: &Etcd) {
        let uid = etcd.uid().unwrap_or_default();
        lock(&self.failures).remove(&uid);
    }

    /// Counts a failure and returns the wait, which doubles each time.
    fn failed(&self, etcd: &Etcd) -> Duration {
        let uid = etcd.uid().unwrap_or_default();
        let mut failures = lock(&self.failures);
        let known: BTreeSet<_> = self
            .known
            .state()
            .iter()
            .filter_map(|it| it.uid())
            .collect();
        failures.retain(|uid, _| known.contains(uid));
        let count = failures.entry(uid).or_default();
        let delay = FIRST_RETRY.saturating_mul(1 << (*count).min(6));
        *count = count.saturating_add(1);
        delay.min(LONGEST_RETRY)
    }
}

/// Why an `Etcd` was not brought up to date. The controller retries.
#[derive(Debug, thiserror::Error)]
enum ReconcileError {
    #[error(transparent)]
    Children(#[from] ChildrenError),
    #[error(
        "{kind} {name} belongs to another owner: delete or rename it, or make an Etcd of another name"
    )]
    Taken { kind: String, name: String },
    #[error("the API server refused or did not answer: {0}")]
    Api(#[from] kube::Error),
    #[error("the API server did not answer within {} s", ROUND_LIMIT.as_secs())]
    Late,
}

/// Runs the controller until dropped.
pub(crate) async fn run(client: Client, around: Surroundings) {
    let reporter = Reporter {
        controller: MANAGER.into(),
        instance: None,
    };
    let all = watcher::Config::default;
    let controller = Controller::new(Api::<Etcd>::all(client.clone()), all());
    let context = Arc::new(Context {
        recorder: Recorder::new(client.clone(), reporter),
        known: controller.store(),
        client: client.clone(),
        around,
        failures: Mutex::default(),
    });
    controller
        .owns(Api::<StatefulSet>::all(client.clone()), all())
        .owns(Api::<Service>::all(client.clone()), all())
        .owns(Api::<PodDisruptionBudget>::all(client), all())
        .run(reconcile, retry, context)
        .for_each(|outcome| async {
            match outcome {
                // The controller backs off; the error says what is missing.
                Err(controller::Error::QueueError(error)) => {
                    tracing::warn!(%error, "changes are not heard of");
                }
                // `retry` has reported it.
                Err(error) => tracing::debug!(%error, "a round failed"),
                Ok(_) => {}
            }
        })
        .await;
}

async fn reconcile(etcd: Arc<Etcd>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    if etcd.metadata.deletion_timestamp.is_some() {
        // Kubernetes deletes the objects that it owns; nothing else needs cleaning up.
        return Ok(Action::await_change());
    }
    let round = bring_up_to_date(&etcd, &context);
    let outcome = tokio::time::timeout(ROUND_LIMIT, round).await;
    let outcome = outcome.unwrap_or(Err(ReconcileError::Late));
    if let Err(taken @ ReconcileError::Taken { .. }) = &outcome {
        let note = taken.to_string();
        tell(&etcd, EventType::Warning, "NameTaken", note, &context).await;
    }
    outcome?;
    context.succeeded(&etcd);
    Ok(Action::requeue(LOOK_AGAIN))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the controller calls it with these"
)]
fn retry(etcd: Arc<Etcd>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let wait = context.failed(&etcd);
    tracing::warn!(etcd = %etcd.name_any(), namespace = etcd.namespace(), ?wait, %error, "trying again");
    Action::requeue(wait)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn bring_up_to_date(etcd: &Etcd, context: &Context) -> Result<(), ReconcileError> {
    let Children {
        peers,
        clients,
        members,
        disruption,
    } = children(etcd, &context.around)?;
    apply(&context.client, &peers).await?;
    apply(&context.client, &clients).await?;
    apply(&context.client, &disruption).await?;
    let members = apply(&context.client, &members).await?;

    let status = status::status(etcd, &members, now());
    if etcd.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let phase = status.phase.clone();
    let is_news = etcd
        .status
        .as_ref()
        .is_none_or(|before| before.phase != phase);
    let patch = serde_json::json!({
        "apiVersion": Etcd::api_version(&()), "kind": Etcd::kind(&()), "status": status,
    });
    let api: Api<Etcd> = api_of(&context.client, etcd);
    api.patch_status(&etcd.name_any(), &by_us(), &Patch::Apply(patch))
        .await?;
    if is_news {
        let size = etcd.spec.size.unwrap_or_default();
        let note = format!("the cluster of {size} is {phase}");
        tell(etcd, EventType::Normal, &phase, note, context).await;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "when a condition changed, for people"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Applies an object by server-side apply, which leaves other managers' fields alone. Refuses an object that our `Etcd`
/// does not own.
async fn apply<T>(client: &Client, object: &T) -> Result<T, ReconcileError>
where
    T: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize,
{
    let api: Api<T> = api_of(client, object);
    let name = object.name_any();
    let there = api.get_metadata_opt(&name).await?;
    let params = params(there.as_ref(), object)?;
    let mut object = object.clone();
    // The API server refuses this if another object has the name by now.
    object.meta_mut().uid = there.and_then(|there| there.metadata.uid);
    Ok(api.patch(&name, &params, &Patch::Apply(object)).await?)
}

/// Takes fields from other managers only in an object that our `Etcd` owns, and not in one created since we looked.
fn params<T>(there: Option<&impl ResourceExt>, object: &T) -> Result<PatchParams, ReconcileError>
where
    T: Resource<DynamicType = ()>,
{
    match there {
        None => Ok(PatchParams::apply(MANAGER)),
        Some(there) if has_owners_of(there, object) => Ok(by_us()),
        Some(_) => Err(ReconcileError::Taken {
            kind: T::kind(&()).into(),
            name: object.name_any(),
        }),
    }
}

fn has_owners_of(there: &impl ResourceExt, object: &impl ResourceExt) -> bool {
    let mut owners = object.owner_references().iter();
    let theirs = there.owner_references();
    owners.all(|owner| theirs.iter().any(|other| other.uid == owner.uid))
}

fn api_of<T, U>(client: &Client, beside: &U) -> Api<T>
where
    T: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    U: ResourceExt,
{
    Api::namespaced(client.clone(), &beside.namespace().unwrap_or_default())
}

fn by_us() -> PatchParams {
    PatchParams::apply(MANAGER).force()
}

async fn tell(etcd: &Etcd, type_: EventType, reason: &str, note: String, context: &Context) {
    let event = Event {
        type_,
        reason: reason.into(),
        note: Some(note),
        action: "Reconcile".into(),
        secondary: None,
    };
    let about = etcd.object_ref(&());
    if let Err(error) = context.recorder.publish(&event, &about).await {
        tracing::warn!(%error, "an Event was not written");
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

    use super::*;

    fn owned_by(uid: &str) -> Service {
        Service {
            metadata: ObjectMeta {
                name: Some("store-client".into()),
                owner_references: Some(vec![OwnerReference {
                    uid: uid.into(),
                    ..OwnerReference::default()
                }]),
                ..ObjectMeta::default()
            },
            ..Service::default()
        }
    }

    #[test]
    fn fields_are_taken_only_in_what_our_etcd_owns() {
        let ours = owned_by("u-1");
        let made = params(None::<&Service>, &ours).unwrap();
        assert!(!made.force, "it may be made by another since we looked");
        assert!(params(Some(&ours), &ours).unwrap().force);
        for theirs in [owned_by("u-2"), Service::default()] {
            let refused = params(Some(&theirs), &ours);
            assert!(matches!(refused, Err(ReconcileError::Taken { .. })));
        }
    }
}
