//! Why there is no control plane.

use std::{io, path::PathBuf};

/// Why a control plane did not start or does not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlPlaneError {
    /// Nobody has built the programs yet.
    #[error("there is no {}: run `cargo xtask control-plane`, or set KUBEBUILDER_ASSETS", path.display())]
    NotBuilt {
        /// Where a program was expected.
        path: PathBuf,
    },
    /// Every loopback network that control planes use is taken.
    #[error(
        "no free network between 127.53.0.0/24 and 127.53.255.0/24: control planes of earlier runs may still run"
    )]
    NoNetwork,
    /// A program did not start.
    #[error("cannot start {name}")]
    Spawn {
        /// The program.
        name: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A program ended by itself.
    #[error("{name} ended with {status}; its last words:\n{log}")]
    Ended {
        /// The program.
        name: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// A program runs but did not become ready.
    #[error("{name} is not ready; its last words:\n{log}")]
    NotReady {
        /// The program.
        name: String,
        /// The end of its log.
        log: String,
    },
    /// A program did not take a signal.
    #[error("cannot signal {name}")]
    Signal {
        /// The program.
        name: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The control plane was started with fewer API servers.
    #[error("there is no API server {index}")]
    NoSuchServer {
        /// The number asked for, from 0.
        index: usize,
    },
    /// A file could not be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A key could not be made.
    #[error("cannot make a key")]
    Entropy(#[from] rotator_core::EntropyError),
    /// A server certificate could not be made.
    #[error("cannot make a server certificate")]
    Issue(#[from] certgen::IssueError),
    /// A server name is not one.
    #[error("cannot name the server")]
    Name(#[from] certgen::NameError),
    /// A client certificate could not be made.
    #[error("cannot make a client certificate")]
    ClientCertificate(#[from] rcgen::Error),
    /// A client does not understand our kubeconfig.
    #[error("cannot use the kubeconfig")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// A client could not be made.
    #[error("cannot make a client")]
    Client(#[from] Box<kube::Error>),
    /// A request could not be written.
    #[error("cannot write the request")]
    Request(#[from] http::Error),
    /// The audit log is not what it should be.
    #[error("cannot read the audit log")]
    Audit(#[from] serde_json::Error),
}

impl From<kube::Error> for ControlPlaneError {
    fn from(error: kube::Error) -> Self {
        Self::Client(Box::new(error))
    }
}

impl ControlPlaneError {
    /// Names the file that an operation was about; for `map_err`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
