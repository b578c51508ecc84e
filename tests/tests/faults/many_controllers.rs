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
use scenarios::{
    AuditEvent, CALLED, Failure, Installation, Load, Mode, Outcome, PREMADE, TARGET, apply,
    deployed, until,
};
use tokio::{sync::watch, task::JoinSet, time::sleep};
use webhook_certs::Keeper;
use webhook_inject::TargetKind;

use crate::{ALONE, LEAST, LOOK_AGAIN, PER_SECOND, proved, report, signs};

const MANY: usize = 50;
const KEEPER: &str = "system:serviceaccount:guard-system:guard";
/// Successor, promotion, and a leaf of the new generation.
const RECORD_WRITES: usize = 3;

/// Kind and name.
type What = (TargetKind, &'static str);

/// Of kinds that have no status: nobody else changes their revisions. Calls pass through the first two.
const TARGETS: [What; 5] = [
    (VALIDATING, TARGET),
    (MUTATING, TARGET),
    (VALIDATING, "second.example.com"),
    (MUTATING, "second.example.com"),
    (VALIDATING, "third.example.com"),
];
const VALIDATING: TargetKind = TargetKind::ValidatingWebhookConfiguration;
const MUTATING: TargetKind = TargetKind::MutatingWebhookConfiguration;

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
    // Neither number adds to what is written for the records.
    for (controllers, targets) in [(1, &TARGETS[..2]), (MANY, &TARGETS)] {
        let writes = rotation_of(controllers, targets).await?;
        let changes: usize = writes.changes.values().sum();
        let what = format!("{controllers} controllers, {} targets", targets.len());
        report(&format!(
            "{what}: {changes} changes in a rotation {:?}; refused attempts {:?}; {}",
            writes.changes, writes.refused, writes.calls,
        ));
        proved(&what, &writes.calls);
        assert_eq!(changes, targets.len() + RECORD_WRITES, "{what}");
        // Each tries each write once at most, and then sees that it is done.
        for (object, refused) in &writes.refused {
            let changed = writes.changes.get(object).copied().unwrap_or_default();
            assert!(
                *refused < controllers * changed,
                "{object}: {refused} refused"
            );
        }
        assert!(writes.calls.is_kept(LEAST), "{what}: {}", writes.calls);
    }
    Ok(())
}

/// By object.
struct Writes {
    /// Different revisions.
    changes: BTreeMap<String, usize>,
    /// Attempts that the API server refused.
    refused: BTreeMap<String, usize>,
    /// Of the server, meanwhile.
    calls: Outcome,
}

async fn rotation_of(controllers: usize, targets: &[What]) -> Result<Writes, Failure> {
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(1).await?;
    cluster.validating().await?;
    let names: Vec<_> = targets.iter().map(|(_, name)| name).collect();
    let rights = deployed("rbac.yaml")?;
    let rights = rights.replace(&format!("{:?}", [TARGET]), &format!("{names:?}"));
    apply(&cluster.admin, &rights).await?;
    for (kind, name) in targets {
        let called = if *name == TARGET { CALLED } else { "nobody" };
        let object = cluster.configuration(kind.as_str(), name, called);
        apply(&cluster.admin, &object.to_string()).await?;
    }
    let mut keepers = JoinSet::new();
    let (_lead, duty) = watch::channel(Duty::Lead);
    for _ in 0..controllers {
        let client = cluster.control_plane.client_as(KEEPER, 0).await?;
        keepers.spawn(keeper(client, targets)?.run(duty.clone(), |_, _| {}));
    }
    let mut replica = cluster.replica(0, Mode::ServeOnly)?;
    replica.says("ready").await?;
    cluster.admitted(CALLED, 0).await?;
    let load = Load::start(vec![cluster.admin.clone()], CALLED, PER_SECOND);
    settled(&cluster, 1).await?;
    let revisions = Revisions::default();
    let mut watches = JoinSet::new();
    for (object, api, name) in watched(&cluster, targets) {
        let (revisions, started) = (Arc::clone(&revisions), api.get(name).await?);
        let from = started.metadata.resource_version.unwrap_or_default();
        watches.spawn(collect(api, (object, name), from, revisions));
    }
    let before = cluster.control_plane.audit(0)?.len();
    settled(&cluster, 2).await?;
    let calls = load.stop();
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
        calls,
    })
}

fn keeper(
    client: Client,
    targets: &[What],
) -> Result<
    Keeper<KubeSecretStore, KubeSecretStore, KubeWebhookPatcher, KubeClock, SystemEntropy>,
    Failure,
> {
    let api = ApiServer::new(client);
    let (authority, serving) = (RecordName::new("guard-ca"), RecordName::new("guard-tls"));
    let store = |name| KubeSecretStore::new(&api, "guard-system").watching([name]);
    let targets = targets.iter().map(|(kind, name)| Target {
        kind: *kind,
        name: (*name).into(),
        entries: webhook_inject::Selector::of_service("guard-system", "guard"),
    });
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
    signs(cluster, generation).await?;
    let (mut last, mut quiet) = (0, 0);
    until("nothing is written", async || {
        sleep(LOOK_AGAIN * 10).await;
        let now = ours(&cluster.control_plane.audit(0)?).count();
        quiet = if now == last { quiet + 1 } else { 0 };
        last = now;
        Ok(quiet >= 4)
    })
    .await
}

type Revisions = Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>;

/// As the audit log names them.
fn watched(
    cluster: &Installation,
    targets: &[What],
) -> Vec<(String, Api<DynamicObject>, &'static str)> {
    let targets = targets.iter().map(|(kind, name)| {
        let object = format!("{}/{name}", kind.plural());
        (object, cluster.configurations(kind.as_str()), *name)
    });
    let secrets = ["guard-ca", "guard-tls"].map(|name| {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Secret"));
        let api = Api::namespaced_with(cluster.admin.clone(), "guard-system", &kind);
        (format!("secrets/{name}"), api, name)
    });
    targets.chain(secrets).collect()
}

/// Notes each new revision until aborted.
async fn collect(
    api: Api<DynamicObject>,
    (object, name): (String, &'static str),
    mut from: String,
    revisions: Revisions,
) -> Result<(), kube::Error> {
    let params = WatchParams::default().fields(&format!("metadata.name={name}"));
    loop {
        let mut events = std::pin::pin!(api.watch(&params, &from).await?);
        while let Some(event) = events.try_next().await? {
            if let WatchEvent::Added(changed) | WatchEvent::Modified(changed) = event {
                from = changed.metadata.resource_version.unwrap_or_default();
                let mut revisions = revisions.lock().unwrap_or_else(PoisonError::into_inner);
                let seen = revisions.entry(object.clone()).or_default();
                seen.insert(from.clone());
            }
        }
    }
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
