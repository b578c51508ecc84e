//! Many controllers without a Lease write no more than one of them would.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use certgen::{KeyAlgorithm, ServerNames};
use futures::TryStreamExt;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, WatchEvent, WatchParams},
    core::GroupVersionKind,
};
use kube_adapter::{
    ApiServer, KubeClock, KubeSecretStore, KubeWebhookPatcher, SystemEntropy, Target,
};
use rotator_core::{Durations, Duty, Policy, Ports, RecordName, ServingSettings, Settings};
use scenarios::{AuditEvent, CALLED, Failure, Installation, PREMADE, TARGET, apply};
use tokio::{sync::watch, task::JoinSet, time::sleep};
use webhook_certs::Keeper;

use crate::{ALONE, LOOK_AGAIN, report};

const MANY: usize = 50;
const KEEPER: &str = "system:serviceaccount:guard-system:guard";
const TARGETS: usize = 2;
/// Successor, promotion, and a leaf of the new generation.
const RECORD_WRITES: usize = 3;

/// A leaf never comes to its renewal before the next generation replaces it, so each rotation writes the same.
const STEADY: Durations = Durations {
    ca_lifetime: Duration::from_secs(95),
    ca_renew_after: Duration::from_secs(20),
    dwell: Duration::from_secs(6),
    leaf_lifetime: Duration::from_secs(60),
    leaf_renew_before: Duration::from_secs(10),
    clock_allowance: Duration::from_secs(2),
};

#[tokio::test]
async fn fifty_controllers_write_in_a_rotation_what_one_writes() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let one = rotation_of(1).await?;
    let many = rotation_of(MANY).await?;
    for (controllers, writes) in [(1, &one), (MANY, &many)] {
        let changes: usize = writes.changes.values().sum();
        report(&format!(
            "{controllers} controllers, {TARGETS} targets: {changes} changes in a rotation {:?}; refused attempts {:?}",
            writes.changes, writes.refused,
        ));
        assert_eq!(
            changes,
            TARGETS + RECORD_WRITES,
            "{controllers} controllers"
        );
        // Each tries each write once at most, and then sees that it is done.
        for (object, refused) in &writes.refused {
            let changed = writes.changes.get(object).copied().unwrap_or_default();
            assert!(
                *refused < controllers * changed,
                "{object}: {refused} refused"
            );
        }
    }
    Ok(())
}

/// By object.
struct Writes {
    /// Different revisions.
    changes: BTreeMap<String, usize>,
    /// Attempts that the API server refused.
    refused: BTreeMap<String, usize>,
}

async fn rotation_of(controllers: usize) -> Result<Writes, Failure> {
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let mutating = cluster.configuration("MutatingWebhookConfiguration", TARGET, CALLED);
    apply(&cluster.admin, &mutating.to_string()).await?;
    let mut keepers = JoinSet::new();
    let (_lead, duty) = watch::channel(Duty::Lead);
    for _ in 0..controllers {
        let client = cluster.control_plane.client_as(KEEPER, 0).await?;
        keepers.spawn(keeper(client)?.run(duty.clone(), |_, _| {}));
    }
    settled(&cluster, 1).await?;
    let revisions = Revisions::default();
    let mut watches = JoinSet::new();
    for (what, api) in watched(&cluster.admin) {
        let (revisions, started) = (Arc::clone(&revisions), api.get(what.1).await?);
        let from = started.metadata.resource_version.unwrap_or_default();
        watches.spawn(collect(api, what, from, revisions));
    }
    let before = cluster.control_plane.audit(0)?.len();
    settled(&cluster, 2).await?;
    let asked = cluster.control_plane.audit(0)?;
    watches.shutdown().await;
    keepers.shutdown().await;
    let revisions = revisions.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Writes {
        changes: revisions
            .iter()
            .map(|(object, seen)| (object.clone(), seen.len()))
            .collect(),
        refused: refused(&asked[before..]),
    })
}

fn keeper(
    client: Client,
) -> Result<
    Keeper<KubeSecretStore, KubeSecretStore, KubeWebhookPatcher, KubeClock, SystemEntropy>,
    Failure,
> {
    let api = ApiServer::new(client);
    let (authority, serving) = (RecordName::new("guard-ca"), RecordName::new("guard-tls"));
    let store = |name| KubeSecretStore::new(&api, "guard-system").watching([name]);
    let target = |kind: &str| {
        Ok::<_, Failure>(Target {
            kind: kind.parse()?,
            name: TARGET.into(),
            entries: webhook_inject::Selector::of_service("guard-system", "guard"),
        })
    };
    let targets = [
        target("ValidatingWebhookConfiguration")?,
        target("MutatingWebhookConfiguration")?,
    ];
    let ports = Ports {
        authority: store(&authority),
        serving: store(&serving),
        patcher: KubeWebhookPatcher::watching(&api, targets),
        clock: KubeClock::new(&api),
        entropy: SystemEntropy::new(),
    };
    let names = ServerNames::new(["guard.guard-system.svc".parse()?], [])?;
    let settings = Settings {
        subject: "guard.guard-system".into(),
        authority,
        serving: vec![ServingSettings {
            record: serving,
            names,
        }],
        policy: Policy::new(STEADY, KeyAlgorithm::P256)?,
    };
    Ok(Keeper::new(settings, ports))
}

/// Waits until this generation signs, its leaf is there, and nothing was written for a while.
async fn settled(cluster: &Installation, generation: u64) -> Result<(), Failure> {
    while cluster.active_generation().await.unwrap_or_default() < generation {
        sleep(LOOK_AGAIN).await;
    }
    let mut last = 0;
    let mut quiet = 0;
    while quiet < 4 {
        sleep(LOOK_AGAIN * 10).await;
        let now = ours(&cluster.control_plane.audit(0)?).count();
        quiet = if now == last { quiet + 1 } else { 0 };
        last = now;
    }
    Ok(())
}

/// Kind and name.
type What = (&'static str, &'static str);
type Revisions = Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>;

fn watched(admin: &Client) -> Vec<(What, Api<DynamicObject>)> {
    let kind = |kind: &'static str, name| {
        let kind_of = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
        let api = Api::all_with(admin.clone(), &ApiResource::from_gvk(&kind_of));
        ((kind, name), api)
    };
    let secret = |name| {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Secret"));
        (
            ("Secret", name),
            Api::namespaced_with(admin.clone(), "guard-system", &kind),
        )
    };
    vec![
        kind("ValidatingWebhookConfiguration", TARGET),
        kind("MutatingWebhookConfiguration", TARGET),
        secret("guard-ca"),
        secret("guard-tls"),
    ]
}

/// Notes each new revision until aborted.
async fn collect(
    api: Api<DynamicObject>,
    (kind, name): What,
    mut from: String,
    revisions: Revisions,
) -> Result<(), kube::Error> {
    let params = WatchParams::default().fields(&format!("metadata.name={name}"));
    loop {
        let mut events = std::pin::pin!(api.watch(&params, &from).await?);
        while let Some(event) = events.try_next().await? {
            if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event {
                from = object.metadata.resource_version.unwrap_or_default();
                let mut revisions = revisions.lock().unwrap_or_else(PoisonError::into_inner);
                let seen = revisions.entry(plural(kind, name)).or_default();
                seen.insert(from.clone());
            }
        }
    }
}

/// As the audit log names it.
fn plural(kind: &str, name: &str) -> String {
    format!("{}s/{name}", kind.to_lowercase())
}

fn ours(audit: &[AuditEvent]) -> impl Iterator<Item = &AuditEvent> {
    audit.iter().filter(|event| {
        event.is_write() && event.user == KEEPER && event.stage == "ResponseComplete"
    })
}

fn refused(audit: &[AuditEvent]) -> BTreeMap<String, usize> {
    let mut refused = BTreeMap::new();
    for event in ours(audit).filter(|event| event.status >= 400) {
        let name = event.name.as_deref().unwrap_or_default();
        let object = format!("{}/{name}", event.resource);
        *refused.entry(object).or_default() += 1;
    }
    refused
}
