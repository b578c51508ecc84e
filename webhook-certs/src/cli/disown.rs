//! `disown`: removes a foreign certificate from every bundle, and from what the authority record remembers.

use std::{sync::Arc, time::Duration};

use kube_adapter::{KubeClock, KubeSecretStore, KubeWebhookPatcher, SystemEntropy};
use rotator_core::{Clock as _, DisownError, Disowned, Policy, Ports, disown as take_out};
use tokio::time::{Instant, sleep};

use super::{Failure, args::DisownArgs, logs, run::connect_to};
use crate::words::in_full;

/// How long the watches may take to read the targets.
const LOOKING: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How many conflicts with another writer to accept.
const TRIES: usize = 10;

pub(super) async fn disown(args: DisownArgs) -> Result<(), Failure> {
    logs::start(args.process.log_format);
    let settings = args.installation.settings(Policy::standard())?;
    let targets = args.installation.targets();
    targets.warn_if_empty();
    let api = connect_to(&args.process).await?;
    let store = || KubeSecretStore::new(&api, &args.installation.namespace);
    let ports = Ports {
        authority: store(),
        serving: store(),
        patcher: Arc::new(KubeWebhookPatcher::watching(&api, targets.into_targets())),
        clock: KubeClock::new(&api),
        entropy: SystemEntropy::new(),
    };
    let now = ports.clock.fresh().await;
    let now = now.map_err(|error| Failure::Undone(in_full(&error)))?;
    let (started, mut conflicts) = (Instant::now(), 0);
    loop {
        match take_out(&settings, &ports, &args.fingerprint, now).await {
            Ok(done) => {
                tell(&done);
                let is_over = started.elapsed() >= LOOKING;
                match done.unread.first() {
                    None => return Ok(()),
                    Some((lane, error)) if is_over || !error.is_transient() => {
                        let why = in_full(error);
                        return Err(Failure::Undone(format!(
                            "{lane} was not read and may hold it: {why}"
                        )));
                    }
                    Some(_) => sleep(LOOK_AGAIN).await,
                }
            }
            Err(error) if error.is_conflict() && conflicts < TRIES => {
                conflicts += 1;
                sleep(LOOK_AGAIN).await;
            }
            Err(DisownError::Read { source, .. })
                if source.is_transient() && started.elapsed() < LOOKING =>
            {
                sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(Failure::Undone(in_full(&error))),
        }
    }
}

fn tell(done: &Disowned) {
    if done.was_remembered {
        tracing::info!("the authority record does not remember it any more");
    }
    for (target, entries) in &done.targets {
        tracing::info!("taken out of {entries} entries of {target}");
    }
    if done.unread.is_empty() {
        tracing::info!("no bundle that was named holds it any more");
    }
}
