//! Finds the API server and connects to it.

use std::path::Path;

use kube::config::{InClusterError, KubeconfigError};

use crate::{
    ApiServer,
    connection::Connection,
    kubeconfig::Place,
    proxy::{ProxyError, Variables},
};

/// Connects to the API server as kubectl does.
///
/// Uses `kubeconfig` if given, else `KUBECONFIG` and `~/.kube/config`, else the pod's service account; goes through a
/// proxy if `proxy-url`, `HTTPS_PROXY` and `NO_PROXY` say so. Sends no request yet.
///
/// Reads the kubeconfig and the files that it names again within half a minute when they change, and within ten seconds
/// when the API server's certificate is not trusted or it answers 401.
///
/// # Errors
///
/// [`ConnectError`] names the file, flag or variable to correct.
pub async fn connect(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<ApiServer, ConnectError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "these variables are every program's, as KUBECONFIG is"
    )]
    let variables = Variables::new(|name| std::env::var(name).ok());
    let place = Place {
        kubeconfig: kubeconfig.map(Into::into),
        context: context.map(Into::into),
        variables,
    };
    Ok(ApiServer::over(Connection::open(place).await?))
}

/// Why no API server was found. Retrying does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is no kubeconfig, and this process does not run in a pod.
    #[error(
        "no cluster: not in a pod ({pod}), and no kubeconfig; name one with --kubeconfig or KUBECONFIG"
    )]
    Nowhere {
        /// Why this process does not run in a pod.
        pod: Box<InClusterError>,
        /// Why there is no kubeconfig.
        #[source]
        kubeconfig: Box<KubeconfigError>,
    },
    /// The kubeconfig cannot be read or is incomplete.
    #[error("--kubeconfig {path} cannot be used")]
    Kubeconfig {
        /// As given.
        path: String,
        /// The cause.
        #[source]
        source: KubeconfigError,
    },
    /// The kubeconfigs found lack the context.
    #[error("--context cannot be used")]
    Context(#[source] KubeconfigError),
    /// A field of the kubeconfig, or the file that it names, cannot be used.
    #[error("the kubeconfig's {field} cannot be used: {reason}")]
    Field {
        /// The field, and the file if it names one.
        field: String,
        /// What is wrong, without any of the file's content.
        reason: String,
    },
    /// The proxy named by the kubeconfig or a variable cannot be used.
    #[error("{0}")]
    Proxy(String),
    /// The kubeconfig's credential plugin gave no credentials.
    #[error("{0}")]
    Plugin(String),
    /// The credentials or certificates in the kubeconfig cannot be used.
    #[error("the kubeconfig's credentials or certificates cannot be used")]
    Client(#[source] kube::Error),
    /// The process is stopping.
    #[error("the process is stopping")]
    Stopping,
}

impl From<ProxyError> for ConnectError {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error.to_string())
    }
}
