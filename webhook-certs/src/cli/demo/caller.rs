//! A caller that behaves like an API server: trusts the bundle that it has seen, sees a new one late, and calls
//! repeatedly.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, crypto::CryptoProvider, pki_types::ServerName};
use serde_json::json;
use tokio::{net::TcpStream, sync::watch, time::Instant};
use tokio_rustls::TlsConnector;

use super::{Failure, Lag, Lane, SERVER_NAME, history::History, verifier};
use crate::words::in_full;

/// The pause between two calls.
const PERIOD: Duration = Duration::from_millis(40);
/// The default `timeoutSeconds` of a webhook.
const LIMIT: Duration = Duration::from_secs(10);

/// The counts of one caller.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// How many calls it made.
    pub(super) calls: u64,
    /// How many calls failed because the caller did not accept the certificate.
    pub(super) refused: u64,
    /// How many failed without an answer for another reason.
    pub(super) failed: u64,
    /// The generations that it trusts.
    pub(super) trusts: String,
    /// Why the last failed call was refused or failed.
    pub(super) example: String,
}

impl Tally {
    /// Sums up all callers of a lane.
    pub(super) fn sum(tallies: &[watch::Receiver<Self>]) -> Self {
        let mut sum = Self::default();
        for tally in tallies {
            let tally = tally.borrow();
            sum.calls += tally.calls;
            sum.refused += tally.refused;
            sum.failed += tally.failed;
            if !tally.example.is_empty() {
                sum.example.clone_from(&tally.example);
            }
        }
        sum
    }
}

/// One caller.
pub(super) struct Caller {
    history: Arc<History>,
    replicas: Vec<SocketAddr>,
    lag: Lag,
    provider: Arc<CryptoProvider>,
    server_name: ServerName<'static>,
    tally: watch::Sender<Tally>,
}

/// Why a call got no answer.
enum Unanswered {
    Refused(String),
    Failed(String),
}

impl Caller {
    pub(super) fn new(lane: &Lane, lag: Lag) -> Result<(Self, watch::Receiver<Tally>), Failure> {
        let (tally, tallied) = watch::channel(Tally::default());
        let server_name =
            ServerName::try_from(SERVER_NAME).map_err(|error| Failure::Undone(in_full(&error)))?;
        let caller = Self {
            history: Arc::clone(&lane.history),
            replicas: lane.replicas.clone(),
            lag,
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            server_name,
            tally,
        };
        Ok((caller, tallied))
    }

    /// Calls the replicas in turn, each call over a new connection, until dropped.
    pub(super) async fn run(self) {
        let (mut seen, mut client) = (0, None);
        let mut late = self.late();
        let mut replicas = self.replicas.iter().cycle();
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            while let Some(written) = self.history.after(seen)
                && written.at + late <= Instant::now()
            {
                seen += 1;
                late = self.late();
                self.tally
                    .send_modify(|tally| tally.trusts = written.generations());
                client = verifier::client(written.anchors, Arc::clone(&self.provider)).ok();
            }
            // An API server that has seen no bundle yet has not seen the webhook either.
            if let (Some(client), Some(replica)) = (&client, replicas.next()) {
                self.count(self.call(client.clone(), *replica).await);
            }
        }
    }

    /// Returns how late the next bundle is seen.
    fn late(&self) -> Duration {
        match self.lag {
            Lag::Always(lag) => lag,
            Lag::UpTo(most) => {
                let mut byte = [0];
                // Without randomness the lag is the longest.
                let share = match self.provider.secure_random.fill(&mut byte) {
                    Ok(()) => u32::from(byte[0]),
                    Err(_) => 255,
                };
                most * share / 255
            }
        }
    }

    fn count(&self, answer: Result<(), Unanswered>) {
        self.tally.send_modify(|tally| {
            tally.calls += 1;
            match answer {
                Ok(()) => {}
                Err(Unanswered::Refused(why)) => {
                    tally.refused += 1;
                    tally.example = why;
                }
                Err(Unanswered::Failed(why)) => {
                    tally.failed += 1;
                    tally.example = why;
                }
            }
        });
    }

    async fn call(&self, client: ClientConfig, replica: SocketAddr) -> Result<(), Unanswered> {
        let call = async {
            let tcp = TcpStream::connect(replica).await.map_err(failed)?;
            let tls = TlsConnector::from(Arc::new(client))
                .connect(self.server_name.clone(), tcp)
                .await
                .map_err(judged)?;
            let (mut sender, connection) =
                http1::handshake(TokioIo::new(tls)).await.map_err(failed)?;
            let answer = async {
                let response = sender.send_request(review()).await.map_err(failed)?;
                response.into_body().collect().await.map_err(failed)
            };
            tokio::select! {
                answer = answer => answer.map(drop),
                ended = connection => Err(Unanswered::Failed(match ended {
                    Ok(()) => "the connection ended early".into(),
                    Err(error) => in_full(&error),
                })),
            }
        };
        tokio::time::timeout(LIMIT, call)
            .await
            .unwrap_or_else(|_| Err(Unanswered::Failed("no answer in time".into())))
    }
}

fn failed(error: impl std::error::Error) -> Unanswered {
    Unanswered::Failed(in_full(&error))
}

fn judged(error: io::Error) -> Unanswered {
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(reason)) => Unanswered::Refused(match reason {
            rustls::CertificateError::Other(reason) => in_full(&*reason.0),
            reason => reason.to_string(),
        }),
        _ => failed(error),
    }
}

/// Makes a request like an API server's, in short.
fn review() -> Request<Full<Bytes>> {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": { "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": "CREATE" },
    });
    let mut request = Request::new(Full::new(Bytes::from(review.to_string())));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("/validate");
    let headers = request.headers_mut();
    headers.insert(
        http::header::HOST,
        http::HeaderValue::from_static(SERVER_NAME),
    );
    headers.insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    request
}
