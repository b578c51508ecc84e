//! Presents the current certificate to each new handshake.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwapOption;
use certgen::{ServerNames, UnixTime};
use rustls::{
    ServerConfig,
    server::{
        ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert,
        WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    sign::CertifiedKey,
};
use tokio::sync::watch;

use crate::{
    client_ca::ClientCa,
    judge::{Verdict, judge},
    serving_cert::ServingCert,
};

/// Contains one certificate and presents it. Clones share it.
///
/// A swap replaces one atomic pointer: a handshake sees the old chain or the new one, and no connection is cut. Before
/// the first certificate, every handshake is refused; [`serving`](Self::serving) resolves when that is over.
#[derive(Clone)]
pub struct Resolver {
    wanted: Option<Arc<ServerNames>>,
    in_hand: Arc<ArcSwapOption<ServingCert>>,
    swaps: Arc<watch::Sender<u64>>,
}

impl Resolver {
    /// Makes a resolver for certificates with these names.
    pub fn new(wanted: ServerNames) -> Self {
        Self::presenting(Some(Arc::new(wanted)))
    }

    /// Makes a resolver that accepts any name: when the source is trusted and the names are unknown.
    pub fn for_any_name() -> Self {
        Self::presenting(None)
    }

    fn presenting(wanted: Option<Arc<ServerNames>>) -> Self {
        Self {
            wanted,
            in_hand: Arc::new(ArcSwapOption::empty()),
            swaps: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Presents `cert` from now on, unless that would be worse than the current certificate. `now` is the local time.
    pub fn offer(&self, cert: ServingCert, now: UnixTime) -> Verdict {
        let cert = Arc::new(cert);
        let mut verdict = Verdict::Unchanged;
        // `rcu` assesses again if another offer came between.
        self.in_hand.rcu(|in_hand| {
            verdict = judge(&cert, in_hand.as_deref(), self.wanted.as_deref(), now);
            match verdict {
                Verdict::Taken => Some(Arc::clone(&cert)),
                Verdict::Unchanged | Verdict::Refused(_) => in_hand.clone(),
            }
        });
        if verdict == Verdict::Taken {
            self.swaps
                .send_modify(|swaps| *swaps = swaps.wrapping_add(1));
        }
        verdict
    }

    /// Returns the current certificate.
    pub fn current(&self) -> Option<Arc<ServingCert>> {
        self.in_hand.load_full()
    }

    /// Resolves when there is a certificate to present.
    pub async fn serving(&self) -> Arc<ServingCert> {
        let mut swaps = self.swaps.subscribe();
        loop {
            if let Some(cert) = self.current() {
                return cert;
            }
            // The sender lives as long as `self`.
            if swaps.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Subscribes to the number of swaps, which changes with each.
    pub fn swaps(&self) -> watch::Receiver<u64> {
        self.swaps.subscribe()
    }

    /// Makes a server configuration that presents this resolver's certificate.
    ///
    /// It offers TLS 1.2 and 1.3 by ring, HTTP/2 and HTTP/1.1 by ALPN, and asks for no client certificates. It resumes
    /// no sessions: a session would outlive a replaced key, and API servers resume none. Change what you like before
    /// you serve with it.
    ///
    /// # Errors
    ///
    /// [`rustls::Error`] if the provider lacks a protocol version: not with ring's defaults.
    pub fn server_config(&self) -> Result<ServerConfig, rustls::Error> {
        self.config(WebPkiClientVerifier::no_client_auth())
    }

    /// Makes the same [`server_config`](Self::server_config), and requires callers to present a certificate of
    /// `client_ca`.
    ///
    /// # Errors
    ///
    /// As for [`server_config`](Self::server_config).
    pub fn server_config_for(&self, client_ca: &ClientCa) -> Result<ServerConfig, rustls::Error> {
        self.config(Arc::new(client_ca.clone()))
    }

    fn config(&self, callers: Arc<dyn ClientCertVerifier>) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(callers)
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        resume_nothing(&mut config);
        Ok(config)
    }
}

/// Disables resumption: a resumed session presents no certificate, so it would outlive the key, and the caller's CA.
pub(crate) fn resume_nothing(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::new(NoTickets);
    config.send_tls13_tickets = 0;
}

#[derive(Debug)]
struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.in_hand.load().as_deref().map(ServingCert::certified)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("in_hand", &self.current())
            .finish_non_exhaustive()
    }
}
