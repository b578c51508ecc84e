//! Finds the cluster.

use std::{path::Path, time::Duration};

use kube::{
    Config,
    client::Client,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use crate::ApiServer;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Connects as kubectl would: by `kubeconfig` if given, else by `KUBECONFIG` and `~/.kube/config`, else as a pod of the
/// cluster. Nothing is asked of the API server yet. Must be called within a tokio runtime.
///
/// # Errors
///
/// [`ConnectError`] says which file or flag to mend.
pub async fn connect(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<ApiServer, ConnectError> {
    let options = KubeConfigOptions {
        context: context.map(Into::into),
        ..KubeConfigOptions::default()
    };
    let mut config = match kubeconfig {
        Some(path) => {
            let unusable = |source| ConnectError::Kubeconfig {
                path: path.display().to_string(),
                source,
            };
            let file = Kubeconfig::read_from(path).map_err(unusable)?;
            Config::from_custom_kubeconfig(file, &options)
                .await
                .map_err(unusable)?
        }
        None if context.is_some() => Config::from_kubeconfig(&options)
            .await
            .map_err(ConnectError::Context)?,
        None => Config::infer().await.map_err(ConnectError::Nowhere)?,
    };
    // One call must not be held up for minutes without a word: we try again ourselves.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_LIMIT);
    let client = Client::try_from(config).map_err(ConnectError::Client)?;
    Ok(ApiServer::new(client))
}

/// Why no cluster was found. None of these goes away by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Neither a file nor a cluster around us.
    #[error(
        "no cluster: not in a pod, and no kubeconfig; name one with --kubeconfig or KUBECONFIG"
    )]
    Nowhere(#[source] kube::config::InferConfigError),
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
    /// The credentials or certificates in it are of no use.
    #[error("the kubeconfig's credentials or certificates cannot be used")]
    Client(#[source] kube::Error),
}
