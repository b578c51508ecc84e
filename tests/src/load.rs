//! Admission calls at a steady rate, counted by what became of them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

/// More calls than this do not wait for an answer at once: a rig that is late must not pile up.
const AT_ONCE: usize = 200;

/// Of so many calls one may time out, where the machine is busy.
const ONE_IN: u64 = 50;

/// What became of all calls.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// How many were answered or not.
    pub calls: u64,
    /// The reasons for which an API server did not accept a webhook's certificate, and how often.
    pub refused: BTreeMap<String, u64>,
    /// Any other reason for which there was no answer, and how often: time-outs of a busy machine.
    pub failed: BTreeMap<String, u64>,
}

impl Outcome {
    /// How many were admitted.
    pub fn admitted(&self) -> u64 {
        self.calls
            .saturating_sub(self.refused())
            .saturating_sub(self.failed())
    }

    /// Whether more than `least` were admitted, and all others timed out, as on a busy machine one in fifty may.
    pub fn is_kept(&self, least: u64) -> bool {
        self.refused() == 0
            && self.admitted() > least
            && self.failed.keys().all(|reason| has_timed_out(reason))
            && self.failed() <= self.calls / ONE_IN
    }

    /// The same for a fault that fails calls by itself: beside those one in fifty, no more failed than twice what it cost
    /// `control`, where no certificate changed. Twice, since on a busy machine what was killed is longer away. And no webhook
    /// failed but by a time-out.
    pub fn is_kept_beside(&self, control: &Self, least: u64) -> bool {
        let is_of_webhook = |reason: &str| reason.contains("webhook") && !has_timed_out(reason);
        let bound = (control.failed().saturating_mul(2)).saturating_add(self.calls / ONE_IN);
        self.refused() == 0
            && self.admitted() > least
            && !self.failed.keys().any(|reason| is_of_webhook(reason))
            && self.failed() <= bound
    }

    /// How many were refused for a certificate reason.
    pub fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    /// How many failed otherwise.
    pub fn failed(&self) -> u64 {
        self.failed.values().sum()
    }

    fn count(&mut self, answer: Result<(), String>) {
        self.calls += 1;
        if let Err(reason) = answer {
            let is_refused = ["x509:", "tls:", "certificate"]
                .iter()
                .any(|sign| reason.contains(sign));
            let reasons = if is_refused {
                &mut self.refused
            } else {
                &mut self.failed
            };
            *reasons.entry(reason).or_default() += 1;
        }
    }
}

fn has_timed_out(reason: &str) -> bool {
    ["deadline exceeded", "timed out"]
        .iter()
        .any(|sign| reason.contains(sign))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls, {} admitted, {} refused, {} failed otherwise",
            self.calls,
            self.admitted(),
            self.refused(),
            self.failed()
        )?;
        for (reason, count) in self.refused.iter().chain(&self.failed) {
            write!(f, "\n  {count} × {reason}")?;
        }
        Ok(())
    }
}

/// Calls that go on until stopped.
#[derive(Debug)]
pub struct Load {
    outcome: Arc<Mutex<Outcome>>,
    task: JoinHandle<()>,
}

impl Load {
    /// Creates `ConfigMap`s in `namespace` `per_second` times a second, by these clients in turn, as a dry run: nothing is
    /// stored, and every call passes through the webhooks that select the namespace.
    pub fn start(clients: Vec<Client>, namespace: &str, per_second: u32) -> Self {
        let apis: Vec<Api<ConfigMap>> = clients
            .into_iter()
            .map(|client| Api::namespaced(client, namespace))
            .collect();
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let task = tokio::spawn(call(apis, per_second, Arc::clone(&outcome)));
        Self { outcome, task }
    }

    /// What became of the calls so far.
    pub fn so_far(&self) -> Outcome {
        lock(&self.outcome).clone()
    }

    /// Stops, and says what became of the calls.
    pub fn stop(self) -> Outcome {
        self.task.abort();
        self.so_far()
    }
}

async fn call(apis: Vec<Api<ConfigMap>>, per_second: u32, outcome: Arc<Mutex<Outcome>>) {
    let mut ticks = interval(Duration::from_secs(1) / per_second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    // Dropped with this future: no call outlives the load.
    let mut calls = JoinSet::new();
    for api in apis.iter().cycle() {
        ticks.tick().await;
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let (api, outcome) = (api.clone(), Arc::clone(&outcome));
        calls.spawn(async move {
            let answer = call_once(&api).await.map_err(|error| reason(&error));
            lock(&outcome).count(answer);
            drop(slot);
        });
        while calls.try_join_next().is_some() {}
    }
}

/// One call.
///
/// # Errors
///
/// The API server or a webhook refuses.
pub async fn call_once(api: &Api<ConfigMap>) -> Result<(), kube::Error> {
    let object = ConfigMap {
        metadata: ObjectMeta {
            generate_name: Some("probe-".into()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    api.create(&dry_run, &object).await.map(drop)
}

/// One text for all calls that ended alike.
fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        error => error.to_string(),
    }
}

fn lock(outcome: &Mutex<Outcome>) -> std::sync::MutexGuard<'_, Outcome> {
    outcome.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_for_the_certificate_is_told_from_other_failures() {
        let mut outcome = Outcome::default();
        outcome.count(Ok(()));
        outcome.count(Err("failed calling webhook \"g\": failed to call webhook: Post \
             \"https://g.n.svc:443/?timeout=10s\": tls: failed to verify certificate: x509: certificate signed by \
             unknown authority"
            .into()));
        outcome.count(Err(
            "failed calling webhook \"g\": context deadline exceeded".into(),
        ));
        assert_eq!((outcome.calls, outcome.admitted()), (3, 1));
        assert_eq!((outcome.refused(), outcome.failed()), (1, 1));
    }

    #[test]
    fn calls_that_nobody_answers_keep_no_promise() {
        let outcome = |admitted: u64, failed: u64| {
            let mut outcome = Outcome::default();
            (0..admitted).for_each(|_| outcome.count(Ok(())));
            (0..failed).for_each(|_| outcome.count(Err("context deadline exceeded".into())));
            outcome
        };
        assert!(outcome(99, 1).is_kept(90));
        assert!(!outcome(99, 1).is_kept(99));
        assert!(!outcome(99, 3).is_kept(90));
        assert!(!outcome(0, 99).is_kept(0));
        for reason in ["x509: certificate has expired", "connection refused", "EOF"] {
            let mut refused = outcome(99, 0);
            refused.count(Err(reason.into()));
            assert!(!refused.is_kept(90), "{reason}");
        }
    }

    #[test]
    fn a_fault_costs_no_more_than_twice_what_it_costs_at_rest() {
        let outcome = |admitted: u64, failed: u64, reason: &str| {
            let mut outcome = Outcome::default();
            (0..admitted).for_each(|_| outcome.count(Ok(())));
            (0..failed).for_each(|_| outcome.count(Err(reason.into())));
            outcome
        };
        let nobody_listens = "client error (Connect)";
        let control = outcome(90, 10, nobody_listens);
        assert!(outcome(80, 20, nobody_listens).is_kept_beside(&control, 70));
        assert!(outcome(78, 22, nobody_listens).is_kept_beside(&control, 70));
        assert!(!outcome(77, 23, nobody_listens).is_kept_beside(&control, 70));
        assert!(!outcome(80, 20, nobody_listens).is_kept_beside(&control, 80));
        for (reason, is_kept) in [
            (
                "failed calling webhook \"g\": context deadline exceeded",
                true,
            ),
            ("failed calling webhook \"g\": connection refused", false),
            ("x509: certificate has expired", false),
        ] {
            let mut other = outcome(99, 0, nobody_listens);
            other.count(Err(reason.into()));
            assert_eq!(other.is_kept_beside(&control, 90), is_kept, "{reason}");
        }
    }
}
