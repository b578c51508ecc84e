//! The admission calls that go on during an attack.
//!
//! Those of a real API server keep one connection; so that new ones are needed, too, the siege changes the bundle's bytes in the
//! middle of each attack, and *fresh* calls come on a connection each, as those of an API server that has just started.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use scenarios::call_once;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_rustls::TlsConnector;

use crate::{
    review,
    tls::{self, Offer},
};

const EVERY: Duration = Duration::from_millis(100);
const FRESH_EVERY: Duration = Duration::from_millis(500);
const LARGE_EVERY: Duration = Duration::from_secs(2);
/// An API server's, unless the configuration says otherwise.
const TIME_OUT: Duration = Duration::from_secs(10);
/// A `ConfigMap` may have 1 MiB. In JSON each quotation mark takes two bytes, and an update carries the object as it is and was.
const UPDATED: usize = 900_000;
/// 7 MiB, but for what stands around the content.
const LARGEST: usize = 7 * 1024 * 1024 - 1_024;
pub(crate) const LARGE: &str = "large";

/// What became of all calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) calls: u64,
    pub(crate) failed: BTreeMap<String, u64>,
}

impl Outcome {
    pub(crate) fn failed(&self) -> u64 {
        self.failed.values().sum()
    }

    /// How many of them failed by a time-out.
    pub(crate) fn timed_out(&self) -> u64 {
        let is_late = |reason: &str| {
            (["deadline exceeded", "timed out", "deadline has elapsed"].iter())
                .any(|sign| reason.contains(sign))
        };
        let late = self.failed.iter().filter(|(reason, _)| is_late(reason));
        late.map(|(_, count)| count).sum()
    }
}

/// Who calls.
#[derive(Clone)]
pub(crate) struct Callers {
    pub(crate) config_maps: Api<ConfigMap>,
    pub(crate) address: SocketAddr,
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers").finish_non_exhaustive()
    }
}

impl Callers {
    pub(crate) async fn small(self) -> Result<(), String> {
        let called = call_once(&self.config_maps).await;
        called.map_err(|error| reason(&error))
    }

    /// Updates a large object: a review of more than 2 MB.
    pub(crate) async fn update(self) -> Result<(), String> {
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let updated = self
            .config_maps
            .replace(LARGE, &dry_run, &large_object())
            .await;
        let updated = updated.map(drop);
        updated.map_err(|error| format!("update of an object of 900 kB: {}", reason(&error)))
    }

    pub(crate) async fn fresh(self) -> Result<(), String> {
        let answered = fresh(self.address, &review::named("fresh")).await;
        answered.map_err(|error| format!("on a connection of its own: {error}"))
    }

    /// A review of 7 MiB.
    pub(crate) async fn largest(self) -> Result<(), String> {
        let answered = fresh(self.address, &review::large(LARGEST)).await;
        answered.map_err(|error| format!("review of 7 MiB: {error}"))
    }
}

fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        error => error.to_string(),
    }
}

/// What is updated.
pub(crate) fn large_object() -> ConfigMap {
    let content = "\"a".repeat(UPDATED / 2);
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(LARGE.into()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("content".into(), content)])),
        ..ConfigMap::default()
    }
}

async fn fresh(address: SocketAddr, body: &[u8]) -> io::Result<()> {
    let calling = async {
        let config = tls::config(Offer::Http1).map_err(io::Error::other)?;
        let tcp = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(config);
        let mut tls = connector.connect(tls::server_name(), tcp).await?;
        tls.write_all(&review::http1(body)).await?;
        tls.flush().await?;
        answer(&mut tls).await
    };
    timeout(TIME_OUT, calling).await?
}

/// Reads until the answer is known.
async fn answer(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<()> {
    let (mut answer, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        let read = from.read(&mut piece).await?;
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        let text = String::from_utf8_lossy(&answer);
        if text.starts_with("HTTP/1.1 200") && text.contains("\"allowed\":true") {
            return Ok(());
        }
        if read == 0 || text.starts_with("HTTP/1.1 4") || text.starts_with("HTTP/1.1 5") {
            let first = text.lines().next().unwrap_or("nothing").to_owned();
            return Err(io::Error::other(format!("the server answers: {first}")));
        }
    }
}

/// Calls that go on until they are stopped.
#[derive(Debug)]
pub(crate) struct Calls {
    stop: watch::Sender<bool>,
    going_on: JoinSet<()>,
    outcome: Arc<Mutex<Outcome>>,
}

impl Calls {
    /// Large ones, too, if the server takes them.
    pub(crate) fn start(callers: &Callers, has_large: bool) -> Self {
        let mut calls = Self {
            stop: watch::Sender::new(false),
            going_on: JoinSet::new(),
            outcome: Arc::default(),
        };
        calls.go_on(callers, EVERY, Callers::small);
        calls.go_on(callers, FRESH_EVERY, Callers::fresh);
        if has_large {
            calls.go_on(callers, LARGE_EVERY, Callers::update);
            calls.go_on(callers, LARGE_EVERY, Callers::largest);
        }
        calls
    }

    fn go_on<C, F>(&mut self, callers: &Callers, every: Duration, call: C)
    where
        C: Fn(Callers) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (callers, outcome) = (callers.clone(), Arc::clone(&self.outcome));
        let stop = self.stop.subscribe();
        self.going_on.spawn(async move {
            steadily(every, stop, &outcome, || call(callers.clone())).await;
        });
    }

    /// Begins no more of them, waits for those under way, and says what became of all.
    pub(crate) async fn finish(mut self) -> Outcome {
        self.stop.send_replace(true);
        while self.going_on.join_next().await.is_some() {}
        lock(&self.outcome).clone()
    }
}

async fn steadily<F>(
    every: Duration,
    mut stop: watch::Receiver<bool>,
    outcome: &Arc<Mutex<Outcome>>,
    call: impl Fn() -> F,
) where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => break,
        }
        let (call, outcome) = (call(), Arc::clone(outcome));
        under_way.spawn(async move {
            let answer = call.await;
            let mut outcome = lock(&outcome);
            outcome.calls += 1;
            if let Err(reason) = answer {
                *outcome.failed.entry(reason).or_default() += 1;
            }
        });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

fn lock(outcome: &Mutex<Outcome>) -> MutexGuard<'_, Outcome> {
    outcome.lock().unwrap_or_else(PoisonError::into_inner)
}
