//! The handle of an operator: the managed certificates, and the server that presents them.

use std::{convert::Infallible, io, sync::Arc};

use http::{Request, Response};
use hyper::body::Body;
use kube_adapter::{KubeClock, KubeWebhookPatcher};
use rotator_core::Clock;
use rustls::ServerConfig;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tower::Service;
use webhook_serve::{Acceptor, ClientCa, Counters, Resolver};

use crate::{
    builder::Builder,
    server::{self, Counts, LimitCounts, Limits, RequestBody},
    trust::is_trusted,
};

/// Certificates that are managed and served for as long as this lives.
#[derive(Debug)]
pub struct WebhookCerts {
    parts: Parts,
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) resolver: Resolver,
    pub(crate) acceptor: Acceptor,
    pub(crate) client_ca: Option<ClientCa>,
    pub(crate) limits: Limits,
    pub(crate) counts: Counts,
    /// None if this process only serves.
    pub(crate) patcher: Option<Arc<KubeWebhookPatcher>>,
    pub(crate) clock: KubeClock,
    pub(crate) server_name: String,
    /// Tasks that end when this is dropped.
    #[expect(dead_code, reason = "kept to be dropped")]
    pub(crate) tasks: Vec<Task>,
}

impl WebhookCerts {
    /// Starts the configuration for the webhook behind a Service.
    pub fn builder(service: impl Into<String>, namespace: impl Into<String>) -> Builder {
        Builder::new(service.into(), namespace.into())
    }

    pub(crate) fn from_parts(parts: Parts) -> Self {
        Self { parts }
    }

    /// Resolves when there is a certificate to present.
    pub async fn serving(&self) {
        self.parts.resolver.serving().await;
    }

    /// Resolves when every target that exists and may be read trusts the current certificate.
    ///
    /// The bundles are read back from the API server. A target that does not exist yet does not delay this: it is
    /// injected when it appears.
    pub async fn trusted(&self) {
        let Some(patcher) = &self.parts.patcher else {
            return;
        };
        let mut changes = patcher.changes();
        let mut swaps = self.parts.resolver.swaps();
        loop {
            changes.mark_unchanged();
            swaps.mark_unchanged();
            let name = &self.parts.server_name;
            if let (Some(cert), Some(now)) =
                (self.parts.resolver.current(), self.parts.clock.bounds())
                && is_trusted(&cert, patcher, name, now).await
            {
                return;
            }
            tokio::select! {
                _ = changes.changed() => {}
                _ = swaps.changed() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Resolves when API servers can call: after [`serving`](Self::serving) and [`trusted`](Self::trusted).
    ///
    /// Start controllers, and report the pod as ready, after this. It does not become unready again.
    pub async fn ready(&self) {
        self.serving().await;
        self.trusted().await;
    }

    /// Serves `app` with the current certificate until SIGTERM or SIGINT, then drains.
    ///
    /// Draining serves for five seconds more, while the endpoint disappears, and then until the last call is answered,
    /// or for 30 s.
    ///
    /// `app` is any `tower` service: an axum `Router`, for example. It gets a request once the whole body has arrived,
    /// so that slow callers cost it nothing, and [`Limits`] say how long a body may be: axum's own limit of 2 MB does
    /// not apply (of axum 0.8; with another version set its `DefaultBodyLimit`).
    ///
    /// # Errors
    ///
    /// None at present: errors of `accept` are logged once, and `accept` is retried.
    pub async fn serve<S, B>(&self, listener: TcpListener, app: S) -> io::Result<()>
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.serve_until(listener, app, server::stop_signal()).await
    }

    /// Serves as [`serve`](Self::serve), until `stop` instead of a signal.
    ///
    /// # Errors
    ///
    /// As for [`serve`](Self::serve).
    pub async fn serve_until<S, B>(
        &self,
        listener: TcpListener,
        app: S,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()>
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Parts {
            acceptor,
            limits,
            counts,
            ..
        } = &self.parts;
        let bounds = (limits.clone(), counts.clone());
        server::serve(acceptor.clone(), listener, app, bounds, stop).await;
        Ok(())
    }

    /// Returns the resolver, for a server of your own that presents the current certificate.
    pub fn resolver(&self) -> Resolver {
        self.parts.resolver.clone()
    }

    /// Makes a TLS configuration with the current certificate, for a server of your own.
    ///
    /// It offers TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, and requires the callers' certificates of
    /// [`client_ca_file`](Builder::client_ca_file). Your server must apply [`Limits`] itself.
    ///
    /// # Errors
    ///
    /// As for [`Resolver::server_config`].
    pub fn rustls_config(&self) -> Result<ServerConfig, rustls::Error> {
        match &self.parts.client_ca {
            Some(ca) => self.parts.resolver.server_config_for(ca),
            None => self.parts.resolver.server_config(),
        }
    }

    /// Counts how callers answered to the certificates that [`serve`](Self::serve) presented.
    pub fn counters(&self) -> &Counters {
        self.parts.acceptor.counters()
    }

    /// Counts how often callers of [`serve`](Self::serve) reached one of its [`Limits`].
    pub fn limit_counts(&self) -> LimitCounts {
        self.parts.counts.now()
    }
}

/// How often to check the time, which changes without any notification.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    /// Spawns `work`. Logs `what` if a panic ends it, which may come from a store of the operator's.
    pub(crate) fn spawn(
        what: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self(tokio::spawn(async move {
            let mut worker = JoinSet::from_iter([work]);
            if let Some(Err(error)) = worker.join_next().await
                && error.is_panic()
            {
                tracing::error!("{what} has ended in a panic: restart this process");
            }
        }))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
