//! The loop around [`Rotator::step`], used by the library, the binary and the demonstration.

use std::time::Duration;

use rotator_core::{
    Clock, Duty, Entropy, Ports, Report, Rotator, SecretStore, Settings, WebhookPatcher,
};
use tokio::{sync::watch, time::Instant};

/// Manages the certificates of one installation.
///
/// Dropping it, or a future of it, at any moment is as if the process had stopped between two writes: nothing is left
/// half done.
#[derive(Debug)]
pub struct Keeper<A, S, P, C, E> {
    rotator: Rotator,
    ports: Ports<A, S, P, C, E>,
    since: Instant,
}

/// How many steps without a pause count as a runaway: more than any plan needs, so an answer must be wrong.
const RUNAWAY: u32 = 64;
const RUNAWAY_PAUSE: Duration = Duration::from_secs(1);

impl<A, S, P, C, E> Keeper<A, S, P, C, E>
where
    A: SecretStore,
    S: SecretStore,
    P: WebhookPatcher,
    C: Clock,
    E: Entropy,
{
    /// Makes a keeper that has read nothing yet.
    pub fn new(settings: Settings, ports: Ports<A, S, P, C, E>) -> Self {
        Self {
            rotator: Rotator::new(settings),
            ports,
            since: Instant::now(),
        }
    }

    /// Reads, decides and writes once: see [`Rotator::step`].
    pub async fn step(&mut self, duty: Duty) -> Report {
        let elapsed = self.since.elapsed();
        self.rotator.step(&self.ports, duty, elapsed).await
    }

    /// Runs a [`step`](Self::step) that reads everything.
    pub async fn step_anew(&mut self, duty: Duty) -> Report {
        self.rotator.invalidate();
        self.step(duty).await
    }

    /// Forgets which lanes back off, for a caller that knows that the cause may be gone.
    #[cfg(feature = "cli")]
    pub(crate) fn start_over(&mut self) {
        self.rotator = Rotator::new(self.rotator.settings().clone());
    }

    /// Returns the ports, for a caller that shows the state.
    pub fn ports(&self) -> &Ports<A, S, P, C, E> {
        &self.ports
    }

    /// Returns the rotator, for a caller that shows the state.
    pub fn rotator(&self) -> &Rotator {
        &self.rotator
    }

    /// Runs until dropped. `duty` may change at any time; calls `tell` with every report.
    pub async fn run(
        mut self,
        mut duty: watch::Receiver<Duty>,
        mut tell: impl FnMut(&Self, &Report),
    ) {
        let mut steps_without_pause = 0;
        loop {
            let now = *duty.borrow_and_update();
            let report = self.step(now).await;
            tell(&self, &report);
            let mut wait = report.wake_after;
            if wait.is_zero() {
                steps_without_pause += 1;
                if steps_without_pause >= RUNAWAY {
                    wait = RUNAWAY_PAUSE;
                }
            } else {
                steps_without_pause = 0;
            }
            if wait.is_zero() {
                continue;
            }
            if self.woken_within(wait, &mut duty).await {
                self.rotator.invalidate();
            }
        }
    }

    /// Waits for at most `wait`; returns whether something changed before.
    async fn woken_within(&self, wait: Duration, duty: &mut watch::Receiver<Duty>) -> bool {
        tokio::select! {
            () = self.ports.authority.changed() => true,
            () = self.ports.serving.changed() => true,
            () = self.ports.patcher.changed() => true,
            Ok(()) = duty.changed() => true,
            () = tokio::time::sleep(wait) => false,
        }
    }
}
