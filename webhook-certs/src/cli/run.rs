//! `run`: manages everything.

use std::{path::Path, sync::Arc, time::Duration};

use kube_adapter::{
    ApiServer, Election, EventWriter, KubeClock, KubeSecretStore, KubeWebhookPatcher,
    MetadataRisks, PodNudger, SystemEntropy, connect,
};
use rotator_core::{Decision, Duty, Policy, Ports, RecordName, Report, Settings, Urgency, Why};
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Instant, timeout},
};
use webhook_serve::{FileWriter, Resolver};

use super::{
    Failure,
    args::{ProcessArgs, RunArgs, is_in_pod},
    health::{self, Health},
    if_asked, logs, once,
};
use crate::{
    any_store::AnyStore,
    follower::Follower,
    identity,
    keeper::Keeper,
    narrator::{Narrator, Shared},
    server::stop_signal,
    uninjected,
    words::in_full,
};

pub(super) type KubeKeeper =
    Keeper<AnyStore, AnyStore, Arc<KubeWebhookPatcher>, KubeClock, SystemEntropy>;

/// How long to wait at the end until Events are written.
const LAST_EVENTS: Duration = Duration::from_secs(5);

pub(super) async fn run(args: RunArgs) -> Result<(), Failure> {
    logs::start(args.process.log_format);
    let settings = args.installation.settings(checked_policy(&args)?)?;
    let files = file_writer(args.files.write_dir.as_deref(), args.files.key_mode)?;
    let health = listener(&args.process).await?;
    let api = connect_to(&args.process).await?;

    let records = settings.serving.iter().map(|serving| &serving.record);
    // A one-off run reads everything each time: it needs no watch, and no permission to watch.
    let is_watched = |_: &&RecordName| !args.once;
    let risks = MetadataRisks::default();
    let store = || KubeSecretStore::new(&api, &args.installation.namespace).noting(&risks);
    let serving = store().watching(records.clone().filter(is_watched));
    let nudging = args.nudge_pods.as_deref().map(|selector| Nudging {
        nudger: PodNudger::new(&api, &args.installation.namespace, selector, records),
        changes: serving.changes(),
    });
    let serving = AnyStore::new(serving);
    let watched = [&settings.authority].into_iter().filter(is_watched);
    let authority = AnyStore::new(store().watching(watched));
    let follower = follower(&settings, &serving, files)?;
    let targets = args.installation.targets();
    targets.warn_if_empty();
    let ports = Ports {
        authority,
        serving,
        patcher: Arc::new(KubeWebhookPatcher::watching(&api, targets.into_targets())),
        clock: KubeClock::new(&api),
        entropy: SystemEntropy::new(),
    };
    let events = EventWriter::new(&api, &args.installation.namespace, &identity::host());
    let narrator = Narrator::default()
        .with_events(events, &settings.authority)
        .with_risks(risks);
    let keeper = Keeper::new(settings, ports);
    if args.once {
        return Box::pin(once(keeper, follower, narrator, &args)).await;
    }
    let election = args.leader_election.then(|| {
        let of_service = || format!("{}-webhook-certs", args.installation.service);
        let name = args.lease.clone().unwrap_or_else(of_service);
        Election::new(
            &api,
            &args.installation.namespace,
            &name,
            &identity::unique(),
        )
    });
    let beside = Beside {
        follower,
        election,
        nudging,
        health,
    };
    Box::pin(keep(keeper, beside, narrator)).await;
    Ok(())
}

/// Returns the policy of the flags; logs warnings about risky values.
fn checked_policy(args: &RunArgs) -> Result<Policy, Failure> {
    if args.once && args.nudge_pods.is_some() {
        return Err(Failure::Asked(
            "--nudge-pods cannot be used with --once: leave one of them out".into(),
        ));
    }
    let policy = args.rotation.policy();
    let policy = policy.map_err(|error| Failure::Asked(error.to_string()))?;
    for warning in policy.warnings() {
        tracing::warn!("{warning}");
    }
    Ok(policy)
}

/// The optional tasks that run beside the keeper.
struct Beside {
    follower: Option<Follower>,
    election: Option<Election>,
    nudging: Option<Nudging>,
    health: Option<TcpListener>,
}

struct Nudging {
    nudger: PodNudger,
    changes: watch::Receiver<u64>,
}

impl Nudging {
    async fn run(self, duty: watch::Receiver<Duty>) {
        self.nudger.run(self.changes, duty).await;
    }
}

/// Runs everything until a signal.
async fn keep(keeper: KubeKeeper, beside: Beside, narrator: Narrator) {
    let Beside {
        follower,
        mut election,
        nudging,
        health,
    } = beside;
    let first = if election.is_some() {
        Duty::StandBy
    } else {
        Duty::Lead
    };
    let (duty, settled) = (watch::Sender::new(first), watch::Sender::new(false));
    let (duty_now, duty_of_nudger) = (duty.subscribe(), duty.subscribe());
    let mut ready = vec![settled.subscribe()];
    ready.extend(follower.as_ref().map(Follower::has_taken));
    let turns = watch::Sender::new(Instant::now());
    let depends_on = Health {
        ready,
        last_turn: Some(turns.subscribe()),
    };
    let allowance = keeper
        .rotator()
        .settings()
        .policy
        .durations()
        .clock_allowance;
    let narrator = Shared::new(narrator);
    let patcher = Arc::clone(&keeper.ports().patcher);
    let warning = uninjected::warn(&patcher, duty.subscribe(), &narrator);
    let keeping = keeper.run(duty_now, |keeper, report| {
        turns.send_replace(Instant::now());
        let mut narrator = narrator.lock();
        narrator.tell(report);
        narrator.compare(keeper.ports().clock.skew(), allowance);
        narrator.warn(keeper.ports().patcher.deadlocks());
        if is_settled(report, *duty.borrow()) {
            settled.send_if_modified(|settled| !std::mem::replace(settled, true));
        }
    });
    let following = if_asked(follower.map(Follower::run));
    let electing = if_asked(election.as_mut().map(|election| election.run(&duty)));
    let nudging = if_asked(nudging.map(|nudging| nudging.run(duty_of_nudger)));
    let answering = if_asked(health.map(|listener| health::serve(listener, depends_on)));
    tokio::select! {
        () = stop_signal() => tracing::info!("stopping: nothing is left half done"),
        () = keeping => {}
        () = warning => {}
        () = following => {}
        () = electing => {}
        () = nudging => {}
        () = answering => {}
    }
    if let Some(election) = election {
        // Only saves the next leader a wait.
        let _ = timeout(Duration::from_secs(2), election.release()).await;
    }
    let _ = timeout(LAST_EVENTS, narrator.into_inner().finish()).await;
}

/// Runs everything until it is done, and then writes the files.
async fn once(
    mut keeper: KubeKeeper,
    follower: Option<Follower>,
    mut narrator: Narrator,
    args: &RunArgs,
) -> Result<(), Failure> {
    let settled = once::settle(&mut keeper, &mut narrator, args.timeout, args.allow_missing);
    let outcome = tokio::select! {
        outcome = settled => outcome,
        () = stop_signal() => Err(Failure::Undone("stopped before everything was done".into())),
    };
    let _ = timeout(LAST_EVENTS, narrator.finish()).await;
    outcome?;
    match follower {
        Some(mut follower) => follower
            .look()
            .await
            .map_err(|error| Failure::Undone(error.in_full())),
        None => Ok(()),
    }
}

/// Whether everything that a replica with this duty can do now is done.
///
/// Routine work is left to the leader: a replica with newer settings that waited for it would never be ready, and the
/// leader with older settings never replaced.
fn is_settled(report: &Report, duty: Duty) -> bool {
    report.clock.is_none()
        && report.failed.is_empty()
        && !report.decisions.is_empty()
        && report.decisions.iter().all(|(_, decision)| match decision {
            Decision::Act(action) => duty == Duty::StandBy && action.urgency() == Urgency::Routine,
            Decision::Wait(why) => lacks(*why).is_none(),
        })
}

/// Returns what is missing in a lane that does nothing; none if nothing is.
pub(super) fn lacks(why: Why) -> Option<&'static str> {
    match why {
        Why::Settled
        | Why::Dwelling
        | Why::ForeignLeaf
        | Why::Undone
        | Why::TargetAbsent
        | Why::NothingBetter => None,
        Why::ReadFailed => Some("it was not read"),
        Why::FailedLately => Some("it failed, and is to be left alone for a while"),
        Why::NoAuthority => Some("there is no authority yet"),
        Why::InexpressibleTime => Some("no certificate can be written at this time"),
    }
}

/// Checks the folder at once, while the administrator who named it is still watching.
pub(super) fn file_writer(
    directory: Option<&Path>,
    key_mode: u32,
) -> Result<Option<FileWriter>, Failure> {
    let Some(directory) = directory else {
        return Ok(None);
    };
    let mut writer = FileWriter::new(directory, key_mode);
    if is_in_pod() {
        writer = writer.in_pod();
    }
    writer
        .check()
        .map_err(|error| Failure::Undone(format!("--write-dir: {}", in_full(&error))))?;
    Ok(Some(writer))
}

pub(super) async fn listener(process: &ProcessArgs) -> Result<Option<TcpListener>, Failure> {
    match process.listen {
        Some(address) => health::bind(address).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn connect_to(process: &ProcessArgs) -> Result<ApiServer, Failure> {
    connect(process.kubeconfig.as_deref(), process.context.as_deref())
        .await
        .map_err(|error| Failure::Asked(in_full(&error)))
}

/// Follows the first serving record, if the flags ask for files.
fn follower(
    settings: &Settings,
    serving: &AnyStore,
    files: Option<FileWriter>,
) -> Result<Option<Follower>, Failure> {
    let Some(files) = files else {
        return Ok(None);
    };
    let first = settings
        .serving
        .first()
        .ok_or_else(|| Failure::Asked("--write-dir needs a --serving-secret".into()))?;
    let resolver = Resolver::new(first.names.clone());
    let follower = Follower::new(serving.clone(), first.record.clone(), resolver);
    Ok(Some(follower.writing(Some(files))))
}
