//! `run`: keeps everything valid.

use std::{path::Path, sync::Arc, time::Duration};

use certgen::{DnsName, ServerNames};
use kube_adapter::{
    ApiServer, Election, EventWriter, KubeClock, KubeSecretStore, KubeWebhookPatcher, PodNudger,
    SystemEntropy, connect,
};
use rotator_core::{
    Decision, Duty, Policy, Ports, RecordName, Report, ServingSettings, Settings, Urgency, Why,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Instant, timeout},
};
use webhook_inject::TargetKind;
use webhook_serve::{FileWriter, Resolver};

use super::{
    Failure,
    args::{ProcessArgs, RunArgs, TargetArgs, is_in_pod},
    health, if_asked, logs,
};
use crate::{
    any_store::AnyStore, follower::Follower, identity, keeper::Keeper, narrator::Narrator,
    server::stop_signal, targets::TargetSet, words::in_full,
};

type KubeKeeper = Keeper<AnyStore, AnyStore, Arc<KubeWebhookPatcher>, KubeClock, SystemEntropy>;

/// With --once, what may come right by itself is waited for this long.
const ONCE_LIMIT: Duration = Duration::from_secs(60);
/// Events that are not written by then are not waited for.
const LAST_EVENTS: Duration = Duration::from_secs(5);

pub(super) async fn run(args: RunArgs) -> Result<(), Failure> {
    logs::start(args.process.log_format);
    let policy = args
        .rotation
        .policy()
        .map_err(|error| Failure::Asked(error.to_string()))?;
    for warning in policy.warnings() {
        tracing::warn!("{warning}");
    }
    let settings = settings(&args, policy)?;
    let files = file_writer(args.files.write_dir.as_deref(), args.files.key_mode)?;
    let health = listener(&args.process).await?;
    let api = connect_to(&args.process).await?;

    let records = settings.serving.iter().map(|serving| &serving.record);
    let serving = KubeSecretStore::new(&api, &args.namespace).watching(records.clone());
    let nudging = args.nudge_pods.as_deref().map(|selector| Nudging {
        nudger: PodNudger::new(&api, &args.namespace, selector, records),
        changes: serving.changes(),
    });
    let serving = AnyStore::new(serving);
    let authority =
        AnyStore::new(KubeSecretStore::new(&api, &args.namespace).watching([&settings.authority]));
    let follower = follower(&settings, &serving, files)?;
    let targets = target_set(&args);
    let ports = Ports {
        authority,
        serving,
        patcher: Arc::new(KubeWebhookPatcher::watching(&api, targets.into_targets())),
        clock: KubeClock::new(&api),
        entropy: SystemEntropy::new(),
    };
    let events = EventWriter::new(&api, &args.namespace, &identity::host());
    let narrator = Narrator::default().with_events(events, &settings.authority);
    let keeper = Keeper::new(settings, ports);
    if args.once {
        return once(keeper, follower, narrator).await;
    }
    let election = args.leader_election.then(|| {
        let of_service = || format!("{}-webhook-certs", args.service);
        let name = args.lease.clone().unwrap_or_else(of_service);
        Election::new(&api, &args.namespace, &name, &identity::unique())
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

/// What goes on beside the keeping, each if it was asked for.
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

/// Everything until a signal.
async fn keep(keeper: KubeKeeper, beside: Beside, mut narrator: Narrator) {
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
    let allowance = keeper
        .rotator()
        .settings()
        .policy
        .durations()
        .clock_allowance;
    let keeping = keeper.run(duty_now, |keeper, report| {
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
    let answering = if_asked(health.map(|listener| health::serve(listener, ready)));
    tokio::select! {
        () = stop_signal() => tracing::info!("stopping: nothing is left half done"),
        () = keeping => {}
        () = following => {}
        () = electing => {}
        () = nudging => {}
        () = answering => {}
    }
    if let Some(election) = election {
        // Only saves the next replica a wait.
        let _ = timeout(Duration::from_secs(2), election.release()).await;
    }
    let _ = timeout(LAST_EVENTS, narrator.finish()).await;
}

/// Brings everything up to date. Two controllers cannot harm each other, so no Lease is asked for.
async fn once(
    mut keeper: KubeKeeper,
    follower: Option<Follower>,
    mut narrator: Narrator,
) -> Result<(), Failure> {
    let outcome = settle(&mut keeper, &mut narrator).await;
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

async fn settle(keeper: &mut KubeKeeper, narrator: &mut Narrator) -> Result<(), Failure> {
    let mut progress = Instant::now();
    loop {
        // Whoever waits for the end does not wait to be told of changes.
        let report = keeper.step_anew(Duty::Lead).await;
        narrator.tell(&report);
        narrator.warn(keeper.ports().patcher.deadlocks());
        if is_settled(&report, Duty::Lead) {
            return Ok(());
        }
        if !report.done.is_empty() {
            progress = Instant::now();
        }
        if needs_help(&report) || progress.elapsed() >= ONCE_LIMIT {
            let undone = trouble(&report).or_else(|| unsettled(&report));
            return Err(Failure::Undone(undone.unwrap_or_default()));
        }
        tokio::time::sleep(report.wake_after.min(Duration::from_secs(1))).await;
    }
}

/// Whether everything that a replica with this duty can do now is done. What is only due is the leader's: a replica with
/// newer settings that waited for it would never be ready, and the leader with the older ones never replaced.
fn is_settled(report: &Report, duty: Duty) -> bool {
    report.clock.is_none()
        && report.failed.is_empty()
        && !report.decisions.is_empty()
        && report.decisions.iter().all(|(_, decision)| match decision {
            Decision::Act(action) => duty == Duty::StandBy && action.urgency() == Urgency::Routine,
            Decision::Wait(why) => lacks(*why).is_none(),
        })
}

/// Why a lane that does nothing is not as it should be; nothing if it is.
fn lacks(why: Why) -> Option<&'static str> {
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

fn unsettled(report: &Report) -> Option<String> {
    let mut waiting = report.decisions.iter();
    waiting.find_map(|(lane, decision)| {
        let what = match decision {
            Decision::Wait(why) => lacks(*why),
            Decision::Act(_) => Some("somebody else is faster again and again"),
        };
        what.map(|what| format!("{lane}: {what}"))
    })
}

fn trouble(report: &Report) -> Option<String> {
    let failed = report
        .failed
        .iter()
        .filter(|(_, error)| !error.is_conflict())
        .map(|(lane, error)| format!("{lane}: {}", in_full(error)))
        .next();
    failed.or_else(|| report.clock.as_ref().map(|error| in_full(error)))
}

/// Whether waiting cannot mend it.
fn needs_help(report: &Report) -> bool {
    report.failed.iter().any(|(_, error)| !error.is_transient())
}

fn settings(args: &RunArgs, policy: Policy) -> Result<Settings, Failure> {
    let own_name = format!("{}.{}.svc", args.service, args.namespace);
    let all_names =
        std::iter::once(own_name.as_str()).chain(args.dns_names.iter().map(String::as_str));
    let names = server_names("--service, --namespace, --dns-name", all_names, &args.ips)?;
    let default = [format!("{}-tls", args.service)];
    let asked = if args.serving_secrets.is_empty() {
        default.as_slice()
    } else {
        args.serving_secrets.as_slice()
    };
    let serving: Result<Vec<ServingSettings>, Failure> = asked
        .iter()
        .map(|text| match text.split_once(':') {
            Some((record, dns)) => Ok(ServingSettings {
                record: RecordName::new(record),
                names: server_names("--serving-secret", dns.split(','), &[])?,
            }),
            None => Ok(ServingSettings {
                record: RecordName::new(text),
                names: names.clone(),
            }),
        })
        .collect();
    let authority = match &args.authority_secret {
        Some(name) => name.clone(),
        None => format!("{}-ca", args.service),
    };
    let settings = Settings {
        subject: format!("{}.{}", args.service, args.namespace),
        authority: RecordName::new(authority),
        serving: serving?,
        policy,
    };
    one_record_each(&settings)?;
    Ok(settings)
}

fn one_record_each(settings: &Settings) -> Result<(), Failure> {
    let mut names = std::collections::BTreeSet::from([&settings.authority]);
    match settings
        .serving
        .iter()
        .find(|serving| !names.insert(&serving.record))
    {
        Some(twice) => Err(Failure::Asked(format!(
            "Secret {} is named twice by --authority-secret and --serving-secret: each record needs a Secret of its \
             own, and the CA's is never mounted",
            twice.record
        ))),
        None => Ok(()),
    }
}

fn server_names<'a>(
    flags: &str,
    dns: impl Iterator<Item = &'a str>,
    ips: &[std::net::IpAddr],
) -> Result<ServerNames, Failure> {
    let asked = |error: certgen::NameError| Failure::Asked(format!("{flags}: {error}"));
    let dns: Result<Vec<DnsName>, _> = dns.map(str::parse).collect();
    ServerNames::new(dns.map_err(asked)?, ips.iter().copied()).map_err(asked)
}

fn target_set(args: &RunArgs) -> TargetSet {
    let TargetArgs {
        validating,
        mutating,
        crd,
        apiservice,
        provider,
    } = &args.targets;
    let mut targets = TargetSet::of_service(&args.namespace, &args.service);
    for (kind, names) in [
        (TargetKind::ValidatingWebhookConfiguration, validating),
        (TargetKind::MutatingWebhookConfiguration, mutating),
        (TargetKind::CustomResourceDefinition, crd),
        (TargetKind::ApiService, apiservice),
        (TargetKind::Provider, provider),
    ] {
        for name in names {
            targets.add(kind, name);
        }
    }
    targets
}

/// Tries the folder at once: whoever named it is still watching.
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

/// Follows the first serving record, if files are asked for.
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
