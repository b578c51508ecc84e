//! A connection to the API server: limits the time of every call, classifies every answer, and records the time that it
//! tells.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::{Body, Client};
use zeroize::Zeroizing;

use crate::{
    connection::Connection,
    fault::{Fault, Needs, classify},
    listener::{Listener, local_time},
    no_call::{Distrusted, PluginFailed, ThroughProxy, tls_error},
    refusals::Refusals,
    wrong_clock::{Trouble, WrongClock},
};

/// How long to wait for an answer before giving up a call.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// The connection through which everything in this crate talks to Kubernetes.
///
/// Cheap to clone; clones share one witness of the time.
///
/// Any [`Client`] works. A client made by [`connect`](crate::connect) does not retry by itself, notices a dead
/// connection, and follows files that change; a client with kube's default retries takes longer to report a failure.
#[derive(Clone)]
pub struct ApiServer {
    connection: Connection,
    listener: Arc<Listener>,
    refusals: Arc<Refusals>,
}

impl ApiServer {
    /// Uses `client` for every call.
    pub fn new(client: Client) -> Self {
        Self::over(Connection::fixed(client))
    }

    pub(crate) fn over(connection: Connection) -> Self {
        Self {
            connection,
            listener: Arc::new(Listener::new()),
            refusals: Arc::default(),
        }
    }

    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Sends one request and reads the whole answer, which is wiped when dropped: it may be a Secret.
    pub(crate) async fn call(
        &self,
        request: Request<Vec<u8>>,
        needs: &Needs,
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        within(CALL_LIMIT, async {
            let answer = self.send(request, needs).await?;
            read(answer.into_body()).await
        })
        .await
    }

    /// Sends one request whose answer stays open: a watch. The time limit applies until the answer begins.
    pub(crate) async fn open(
        &self,
        request: Request<Vec<u8>>,
        needs: &Needs,
    ) -> Result<Body, Fault> {
        within(CALL_LIMIT, async {
            Ok(self.send(request, needs).await?.into_body())
        })
        .await
    }

    async fn send(
        &self,
        request: Request<Vec<u8>>,
        needs: &Needs,
    ) -> Result<Response<Body>, Fault> {
        let (client, handed_out) = self.connection.client().await;
        let sent = self.listener.elapsed();
        let answer = client
            .send(request.map(Body::from))
            .await
            .map_err(|error| self.not_sent(error))?;
        let status = answer.status();
        if !status.is_server_error() {
            // A gateway that cannot reach the API server answers with its own `Date`.
            self.listener.hear(answer.headers(), sent);
        }
        if status.is_success() {
            self.connection.accepted();
            self.refusals.permitted(needs, self.listener.elapsed());
            return Ok(answer);
        }
        let headers: HeaderMap = answer.headers().clone();
        let body = read(answer.into_body()).await?;
        if status == StatusCode::UNAUTHORIZED
            && let Some(unknown) = self.connection.refused(handed_out)
        {
            return Err(Fault::unavailable(unknown));
        }
        let now = self.listener.elapsed();
        Err(match classify(status, &headers, &body, needs) {
            Fault::Forbidden(needs) => self.refusals.refused(&needs, now),
            // The API server authorizes a request before it gives any of these answers.
            fault @ (Fault::Absent | Fault::Conflict | Fault::TestFailed | Fault::Expired) => {
                self.refusals.permitted(needs, now);
                fault
            }
            fault => fault,
        })
    }

    fn not_sent(&self, error: kube::Error) -> Fault {
        self.refusals.interrupted();
        if let Some(failed) = PluginFailed::of(&error) {
            self.connection.is_in_trouble();
            return Fault::unavailable(failed);
        }
        let tls = tls_error(&error);
        if let Some(trouble) = tls.and_then(Trouble::of) {
            return Fault::unavailable(WrongClock {
                trouble,
                local: local_time(),
                witnessed: self.listener.bounds(),
            });
        }
        if let Some(tls) = tls {
            self.connection.is_in_trouble();
            if let Some(distrusted) = Distrusted::of(tls, self.connection.trusted()) {
                return Fault::unavailable(distrusted);
            }
        }
        match self.connection.proxy() {
            Some(proxy) => Fault::unavailable(ThroughProxy {
                proxy,
                source: error,
            }),
            None => Fault::unavailable(error),
        }
    }
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiServer").finish_non_exhaustive()
    }
}

/// The API server did not answer within the time limit.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", .0.as_secs())]
pub(crate) struct Late(Duration);

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(Fault::unavailable(Late(limit))))
}

async fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let bytes = body.collect().await.map_err(Fault::unavailable)?.to_bytes();
    Ok(Zeroizing::new(Vec::from(bytes)))
}
