//! Faults on a real control plane, under load: whoever keeps the certificates is killed at each write, its requests are
//! delayed, refused and cut, the control plane restarts, records are deleted, garbled and restored. No call is refused.
//!
//! With `SCENARIOS_ALL=1` what a sample stands for otherwise runs, too.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "faults/crash_points.rs"]
mod crash_points;
#[path = "faults/many_controllers.rs"]
mod many_controllers;
#[path = "faults/permissions.rs"]
mod permissions;
#[path = "faults/records.rs"]
mod records;
#[path = "faults/requests.rs"]
mod requests;
#[path = "faults/restarts.rs"]
mod restarts;

use std::{fs, time::Duration};

use scenarios::{
    CALLED, Failure, FaultProxy, Installation, Load, Mode, Outcome, Program, RoundRobin, TARGET,
    flags, slower, until,
};

/// One scenario at a time: the load must not be refused because the machine is busy with another.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const PER_SECOND: u32 = 150;
/// Fewer admitted calls would show little.
const LEAST: u64 = 500;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A cluster whose certificates are kept through a proxy and served by two replicas that only serve.
struct Stage {
    cluster: Installation,
    proxy: FaultProxy,
    lives: usize,
    flags: Vec<String>,
    replicas: Vec<Program>,
    // Until the end.
    _service: RoundRobin,
}

impl Stage {
    /// Twice as slow as [`scenarios::FAST`], and calls are admitted.
    async fn new(manifests: &[&str]) -> Result<(Self, Program), Failure> {
        Self::with(manifests, flags(&slower(2))).await
    }

    /// The same with standard lifetimes: nothing is due.
    async fn at_rest(manifests: &[&str]) -> Result<(Self, Program), Failure> {
        Self::with(manifests, Vec::new()).await
    }

    async fn with(manifests: &[&str], mut flags: Vec<String>) -> Result<(Self, Program), Failure> {
        let cluster = Installation::new(1, manifests).await?;
        let service = cluster.balance(2).await?;
        cluster.validating().await?;
        let proxy = cluster.proxy(0).await?;
        // Without a Lease every life of the controller works at once.
        flags.extend(["--leader-election=false", "--validating", TARGET].map(str::to_owned));
        let mut controller = cluster.run_behind(&proxy, "controller", &flags)?;
        controller.says("bundle written").await?;
        let mut replicas = Vec::new();
        for index in 0..2 {
            let mut replica = cluster.replica(index, Mode::ServeOnly)?;
            replica.says("ready").await?;
            replicas.push(replica);
        }
        cluster.admitted(CALLED, 0).await?;
        let stage = Self {
            cluster,
            proxy,
            lives: 1,
            flags,
            replicas,
            _service: service,
        };
        Ok((stage, controller))
    }

    /// One more life of the controller, behind the proxy.
    fn controller(&mut self) -> Result<Program, Failure> {
        self.lives += 1;
        let name = format!("controller-{}", self.lives);
        self.cluster.run_behind(&self.proxy, &name, &self.flags)
    }

    /// Waits for one rotation, however often it is held up.
    async fn rotated(&self) -> Result<(), Failure> {
        let generation = self.cluster.active_generation().await? + 1;
        signs(&self.cluster, generation).await
    }

    fn load(&self) -> Load {
        Load::start(vec![self.cluster.admin.clone()], CALLED, PER_SECOND)
    }

    /// Says what became of the calls, and fails if one failed: no caller goes where the fault is. One in fifty may time out.
    fn judge(&self, what: &str, load: Load) {
        let outcome = self.told(what, load);
        assert!(outcome.is_kept(LEAST), "{what}: {outcome}");
    }

    /// The same for a fault that callers meet, too: compares with what it cost when no certificate changed.
    fn judge_beside(&self, what: &str, load: Load, control: &Outcome) {
        let outcome = self.told(what, load);
        assert!(
            outcome.is_kept_beside(control, LEAST),
            "{what}: {outcome}\nat rest: {control}"
        );
    }

    /// Says what became of the calls, and fails if one was refused.
    fn told(&self, what: &str, load: Load) -> Outcome {
        let outcome = load.stop();
        report(&format!("{what}: {outcome}"));
        proved(what, &outcome);
        if outcome.refused() > 0 {
            self.tell_logs();
        }
        assert_eq!(outcome.refused(), 0, "{what}: {outcome}");
        outcome
    }

    /// What all programs have said, for whoever must find out.
    fn tell_logs(&self) {
        for file in fs::read_dir(self.cluster.folder()).into_iter().flatten() {
            let path = file.map(|file| file.path()).unwrap_or_default();
            if path.extension().is_some_and(|extension| extension == "log") {
                let log = fs::read_to_string(&path).unwrap_or_default();
                report(&format!("{}:\n{log}", path.display()));
            }
        }
    }
}

/// Waits until this generation signs, whatever cannot be read meanwhile.
async fn signs(cluster: &Installation, generation: u64) -> Result<(), Failure> {
    until(&format!("generation {generation}"), async || {
        Ok(cluster.active_generation().await.unwrap_or_default() >= generation)
    })
    .await
}

/// For the table of `cargo xtask prove`.
fn proved(what: &str, outcome: &Outcome) {
    use std::io::Write;
    let mut stdout = std::io::stdout();
    let _ = writeln!(
        stdout,
        "proved: calls, {what}, {} failed otherwise: {} cases, {} violations",
        outcome.failed(),
        outcome.calls,
        outcome.refused()
    );
}

fn report(text: &str) {
    use std::io::Write;
    // Past the test harness, which hides what passing tests print.
    let _ = writeln!(std::io::stderr(), "{text}");
}
