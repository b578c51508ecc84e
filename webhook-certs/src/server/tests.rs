//! Tests of a server with its limits, on loopback, with callers that exceed them.

use std::{convert::Infallible, future::pending, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, routing::post};
use certgen::{
    Chain, KeyAlgorithm, LeafRequest, RootRequest, ServerNames, UnixTime, issue_leaf, issue_root,
};
use http::Request;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body, Bytes, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube_adapter::SystemEntropy;
use rotator_core::Entropy;
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::ServerName};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use webhook_serve::{Acceptor, Resolver, ServingCert};

use super::{Counts, Limits, gate::Gate, serve_through};

mod bodies;
mod built;
mod connections;
mod unfinished;

const SOON: Duration = Duration::from_millis(200);
/// Longer than anything here takes, whatever else the machine does.
const LIMIT: Duration = Duration::from_secs(60);
/// For limits that must not end a connection before the test does.
const NEVER: Duration = Duration::from_secs(3600);

struct Server {
    address: SocketAddr,
    roots: Arc<RootCertStore>,
    gate: Arc<Gate>,
    counts: Counts,
    /// What `/wait` needs to answer.
    permits: Arc<Semaphore>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let (acceptor, roots) = acceptor();
        let (listener, address) = listener().await;
        let permits = Arc::new(Semaphore::new(0));
        let counts = Counts::default();
        let gate = Gate::new(limits, counts.clone());
        let app = router(Arc::clone(&permits));
        let serving = serve_through(Arc::clone(&gate), acceptor, listener, app, pending());
        Self {
            address,
            roots,
            gate,
            counts,
            permits,
            serving: tokio::spawn(serving),
        }
    }

    async fn tls(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        tls(self.address, &self.roots, protocol).await
    }

    async fn http1(&self) -> Caller {
        Caller::http1(self.tls(b"http/1.1").await).await
    }

    async fn http2(&self) -> Caller {
        self.http2_with(&http2::Builder::new(TokioExecutor::new()))
            .await
    }

    async fn http2_with(&self, builder: &http2::Builder<TokioExecutor>) -> Caller {
        let io = TokioIo::new(self.tls(b"h2").await);
        let (sender, connection) = builder.handshake(io).await.unwrap();
        Caller {
            sender: Sender::Two(sender),
            connection: tokio::spawn(async { connection.await.is_ok() }),
        }
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn tls(
    address: SocketAddr,
    roots: &Arc<RootCertStore>,
    protocol: &[u8],
) -> TlsStream<TcpStream> {
    let tcp = TcpStream::connect(address).await.unwrap();
    // As Go's client does. Otherwise each window of HTTP/2 waits 40 ms for an acknowledgement.
    tcp.set_nodelay(true).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(Arc::clone(roots))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("guard.guard-system.svc").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, tcp).await.unwrap()
}

/// Whether the server closes the connection.
async fn hung_up(io: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut heard = Vec::new();
    timeout(LIMIT, io.read_to_end(&mut heard)).await.is_ok()
}

/// A router as an operator author writes it, with axum's defaults.
fn router(permits: Arc<Semaphore>) -> Router {
    Router::new()
        .route("/admit", post(admit))
        .route("/long", post(async || "x".repeat(4 << 20)))
        .route("/wait", post(wait))
        .route("/convert", post(convert))
        .with_state(permits)
}

async fn admit(Json(review): Json<Value>) -> Json<Value> {
    Json(json!({ "uid": review.pointer("/request/uid") }))
}

async fn wait(State(permits): State<Arc<Semaphore>>) -> &'static str {
    let permit = permits.acquire().await;
    permit.map_or("closed", |_| "waited")
}

/// As `/admit`, once for each permit.
async fn convert(State(permits): State<Arc<Semaphore>>, review: Json<Value>) -> Json<Value> {
    permits.acquire().await.unwrap().forget();
    admit(review).await
}

type Sent = UnsyncBoxBody<Bytes, Infallible>;

struct Caller {
    sender: Sender,
    /// Whether it ended without an error.
    connection: JoinHandle<bool>,
}

enum Sender {
    One(http1::SendRequest<Sent>),
    Two(http2::SendRequest<Sent>),
}

impl Caller {
    async fn http1(tls: TlsStream<TcpStream>) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await.unwrap();
        Self {
            sender: Sender::One(sender),
            connection: tokio::spawn(async { connection.await.is_ok() }),
        }
    }

    /// The status of the answer, and its text.
    async fn call(&mut self, path: &str, body: Sent) -> Result<(u16, String), hyper::Error> {
        let answer = self.begin(path, body).await?;
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8(text.to_vec()).unwrap()))
    }

    async fn begin(
        &mut self,
        path: &str,
        body: Sent,
    ) -> Result<http::Response<Incoming>, hyper::Error> {
        let request = Request::post(format!("https://guard.guard-system.svc{path}"))
            .header("host", "guard.guard-system.svc")
            .header("content-type", "application/json");
        let request = request.body(body).unwrap();
        let answer = match &mut self.sender {
            Sender::One(sender) => timeout(LIMIT, sender.send_request(request)).await,
            Sender::Two(sender) => timeout(LIMIT, sender.send_request(request)).await,
        };
        answer.expect("an answer, whatever it is")
    }

    async fn admitted(&mut self) -> bool {
        let answer = self
            .call("/admit", whole(&review("AdmissionReview", 1000)))
            .await;
        answer.is_ok_and(|(status, text)| status == 200 && text.contains("\"7\""))
    }

    /// Resolves when the server has hung up: whether without an error.
    async fn ended(self) -> bool {
        let Self {
            sender: _sender,
            connection,
        } = self;
        timeout(LIMIT, connection).await.expect("hung up").unwrap()
    }
}

/// Makes a review as an API server writes one, `length` bytes in all.
fn review(kind: &str, length: usize) -> String {
    let begin = format!(r#"{{"kind":"{kind}","apiVersion":"v1","request":{{"uid":"7","object":""#);
    let end = "\"}}";
    let object = "x".repeat(length - begin.len() - end.len());
    format!("{begin}{object}{end}")
}

fn whole(text: &str) -> Sent {
    http_body_util::Full::new(Bytes::from(text.to_owned())).boxed_unsync()
}

/// Makes a body of so many bytes that never ends.
fn unfinished(length: usize) -> Sent {
    Unfinished(Bytes::from(vec![b' '; length])).boxed_unsync()
}

struct Unfinished(Bytes);

impl Body for Unfinished {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        if self.0.is_empty() {
            return std::task::Poll::Pending;
        }
        let data = std::mem::take(&mut self.0);
        std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(data))))
    }
}

/// Advances the runtime's clock: limits see the time pass, and the test does not wait.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Waits until another task has done something.
async fn until(what: impl Fn() -> bool) {
    let seen = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, seen).await.expect("it comes about");
}

fn acceptor() -> (Acceptor, Arc<RootCertStore>) {
    let issued = Issued::new();
    let resolver = Resolver::new(issued.names);
    resolver.offer(issued.cert, NOW);
    (Acceptor::new(&resolver).unwrap(), issued.roots)
}

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const LATER: UnixTime = UnixTime::from_secs(4_000_000_000);

/// The server's certificate, and the root that callers trust.
struct Issued {
    names: ServerNames,
    cert: ServingCert,
    roots: Arc<RootCertStore>,
    root_pem: String,
}

impl Issued {
    fn new() -> Self {
        let entropy = SystemEntropy::new();
        let names = ServerNames::for_service("guard", "guard-system").unwrap();
        let (root_key, leaf_key) = (
            entropy.private_key(KeyAlgorithm::P256).unwrap(),
            entropy.private_key(KeyAlgorithm::P256).unwrap(),
        );
        let request = RootRequest {
            common_name: "guard CA",
            serial: entropy.serial().unwrap(),
            not_before: UnixTime::from_secs(1_600_000_000),
            not_after: LATER,
        };
        let root = issue_root(&request, &root_key).unwrap();
        let request = LeafRequest {
            names: &names,
            public_key: leaf_key.public_key(),
            serial: entropy.serial().unwrap(),
            not_after: LATER,
        };
        let leaf = issue_leaf(&request, &root, &root_key).unwrap();
        let chain = Chain::new(leaf, Vec::new()).to_pem();
        let key = leaf_key.expose_pkcs8_pem();
        let cert = ServingCert::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        let der = root.certificate().der().to_vec();
        roots.add(CertificateDer::from(der)).unwrap();
        Self {
            names,
            cert,
            roots: Arc::new(roots),
            root_pem: root.certificate().to_pem(),
        }
    }
}
