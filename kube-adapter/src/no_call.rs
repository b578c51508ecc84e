//! Why a call did not reach the API server, in words that say what to check.

use std::{error::Error, io};

use kube::client::AuthError;
use rustls::{CertificateError as Bad, Error as Tls};

use crate::proxy::Proxy;

/// Finds the error of TLS in an error and its causes.
pub(crate) fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Tls> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        // The source of an `io::Error` is the source of what it wraps: the wrapped error itself is `get_ref`.
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The API server's certificate was issued by a CA that is not trusted. No request is sent to it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the API server's certificate is not trusted by {trusted}, which is read again every few seconds"
)]
pub(crate) struct Distrusted {
    trusted: String,
    #[source]
    source: Tls,
}

impl Distrusted {
    /// None if something else is wrong, or if it is not known what the certificate was verified with.
    pub(crate) fn of(error: &Tls, trusted: Option<String>) -> Option<Self> {
        match error {
            Tls::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => Some(Self {
                trusted: trusted?,
                source: error.clone(),
            }),
            _ => None,
        }
    }
}

/// A call did not get through a proxy.
#[derive(Debug, thiserror::Error)]
#[error("no answer through the proxy {proxy}")]
pub(crate) struct ThroughProxy {
    pub(crate) proxy: Proxy,
    #[source]
    pub(crate) source: kube::Error,
}

/// The kubeconfig's credential plugin gave no credentials. kube's own message would quote what it printed, which may
/// contain a token.
#[derive(Debug, thiserror::Error)]
#[error("the kubeconfig's credential plugin gave no credentials: {reason}")]
pub(crate) struct PluginFailed {
    reason: String,
}

impl PluginFailed {
    /// None if no credential plugin is among an error and its causes.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut causes = std::iter::successors(Some(error), |&error| error.source());
        let reason = match causes.find_map(|error| error.downcast_ref::<AuthError>())? {
            AuthError::AuthExecStart(error) => format!("it cannot be started: {error}"),
            AuthError::AuthExecRun { out, .. } => format!("it ended with {}", out.status),
            AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
                "its answer is no ExecCredential with a status".into()
            }
            // The plugin's earlier answer could be renewed, so the client expects that of this one, too: make a new
            // client.
            AuthError::UnrefreshableTokenResponse => {
                "its answer does not say when it ends, as the one before did".into()
            }
            AuthError::MalformedTokenExpirationDate(_) => {
                "its answer has an expirationTimestamp that is none".into()
            }
            AuthError::MissingCommand => "no command is named".into(),
            _ => return None,
        };
        Some(Self { reason })
    }
}

/// An error and its causes in one line.
pub(crate) fn in_full(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
