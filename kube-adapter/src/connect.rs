//! Finds the cluster.

use std::path::Path;

use kube::config::{InClusterError, KubeconfigError};

use crate::{
    ApiServer,
    connection::Connection,
    kubeconfig::Place,
    proxy::{ProxyError, Variables},
};

/// Connects as kubectl would: by `kubeconfig` if given, else by `KUBECONFIG` and `~/.kube/config`, else as a pod of the
/// cluster; through a proxy if `proxy-url`, `HTTPS_PROXY` and `NO_PROXY` say so. Nothing is asked of the API server yet.
///
/// The kubeconfig and the files that it names are read again within half a minute when they change, and within ten seconds when
/// the API server's certificate is not trusted or it does not know us.
///
/// # Errors
///
/// [`ConnectError`] says which file, flag or variable to mend.
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

/// Why no cluster was found. None of these goes away by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Neither a file nor a cluster around us.
    #[error(
        "no cluster: not in a pod ({pod}), and no kubeconfig; name one with --kubeconfig or KUBECONFIG"
    )]
    Nowhere {
        /// Why this is no pod.
        pod: Box<InClusterError>,
        /// Why there is no kubeconfig.
        #[source]
        kubeconfig: Box<KubeconfigError>,
    },
    /// The file cannot be read or lacks something.
    #[error("--kubeconfig {path} cannot be used")]
    Kubeconfig {
        /// As given.
        path: String,
        /// The cause.
        #[source]
        source: KubeconfigError,
    },
    /// The usual files lack the context.
    #[error("--context cannot be used")]
    Context(#[source] KubeconfigError),
    /// A field of the kubeconfig, or the file that it names, is of no use.
    #[error("the kubeconfig's {field} cannot be used: {reason}")]
    Field {
        /// The field, and the file if it names one.
        field: String,
        /// What is wrong, without any of the content.
        reason: String,
    },
    /// A proxy is named that cannot be used.
    #[error("{0}")]
    Proxy(String),
    /// The kubeconfig's credential plugin gave no credentials.
    #[error("{0}")]
    Plugin(String),
    /// The credentials or certificates in it are of no use.
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
