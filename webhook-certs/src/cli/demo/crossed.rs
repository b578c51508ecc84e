//! The lane with this program's engine.

use std::{collections::BTreeMap, sync::Arc};

use certgen::ServerNames;
use kube_adapter::{SystemClock, SystemEntropy};
use rotator_core::{
    Duty, EntryName, Event, MemoryTarget, MemoryTargets, Policy, Ports, RecordName,
    ServingSettings, Settings, TargetRef,
};
use tokio::{sync::watch, task::JoinSet};
use webhook_serve::Resolver;

use super::{
    DELAYS, Failure, Lane, NAMESPACE, SERVICE, SUBJECT,
    history::History,
    replica,
    table::Progress,
    telling::{RecordedTargets, TellingStore},
};
use crate::{Keeper, any_store::AnyStore, follower::Follower, words::in_full};

const AUTHORITY: &str = "guard-ca";
const SERVING: &str = "guard-tls";

/// Starts the keeper and two replicas that follow the serving record.
pub(super) async fn start(
    tasks: &mut JoinSet<()>,
    policy: Policy,
    progress: watch::Sender<Progress>,
) -> Result<Lane, Failure> {
    let names = ServerNames::for_service(SERVICE, NAMESPACE)
        .map_err(|error| Failure::Undone(in_full(&error)))?;
    let store = TellingStore::new();
    let history = Arc::new(History::default());

    let (mut replicas, mut resolvers) = (Vec::new(), Vec::new());
    for delay in DELAYS {
        let resolver = Resolver::new(names.clone());
        replicas.push(replica::start(tasks, &resolver).await?);
        resolvers.push(resolver.clone());
        let late = AnyStore::new(store.late(delay));
        tasks.spawn(Follower::new(late, RecordName::new(SERVING), resolver).run());
    }

    let settings = Settings {
        subject: SUBJECT.into(),
        authority: RecordName::new(AUTHORITY),
        serving: vec![ServingSettings {
            record: RecordName::new(SERVING),
            names,
        }],
        policy,
    };
    let ports = Ports {
        authority: store.clone(),
        serving: store,
        patcher: targets(&history),
        clock: SystemClock {
            allowance: std::time::Duration::from_secs(1),
        },
        entropy: SystemEntropy::new(),
    };
    tasks.spawn(async move {
        let (_lead, duty) = watch::channel(Duty::Lead);
        Keeper::new(settings, ports)
            .run(duty, |keeper, report| {
                let promoted = |(_, event): &&(_, Event)| matches!(event, Event::Promoted { .. });
                let rotations = report.done.iter().filter(promoted).count();
                progress.send_modify(|progress| {
                    progress.rotations += u64::try_from(rotations).unwrap_or_default();
                    progress.take(keeper.rotator().known());
                });
            })
            .await;
    });
    replica::all_serve(&resolvers).await;
    Ok(Lane { history, replicas })
}

/// Makes one configuration with one entry and no bundle yet.
fn targets(history: &Arc<History>) -> RecordedTargets {
    let target = TargetRef::new("ValidatingWebhookConfiguration", SERVICE);
    let entry = EntryName::new("guard.example.com");
    let targets = MemoryTargets::new();
    let entries = BTreeMap::from([(entry.clone(), Vec::new())]);
    targets.put(&target, MemoryTarget::Exists(entries));
    RecordedTargets {
        targets,
        target,
        entry,
        history: Arc::clone(history),
    }
}
