//! Finds etcd and kube-apiserver.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::error::ControlPlaneError;
use crate::Failure;

/// Where `cargo xtask control-plane` puts what it builds.
const CACHE: &str = env!("WEBHOOK_CERTS_CONTROL_PLANE");

/// Which kube-apiserver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests choose one of the two")]
pub enum Version {
    /// The oldest that is tested: 1.34.
    Oldest,
    /// The newest: 1.37.
    Newest,
}

#[derive(Debug)]
pub(crate) struct Binaries {
    pub(crate) etcd: PathBuf,
    pub(crate) apiserver: PathBuf,
}

impl Binaries {
    pub(crate) fn find(version: Version) -> Result<Self, ControlPlaneError> {
        let binaries = Self::find_in(&assets().unwrap_or_else(|| CACHE.into()))?;
        Ok(match version {
            Version::Newest => binaries,
            Version::Oldest => Self {
                apiserver: find(Path::new(CACHE), "kube-apiserver-1.34")?,
                ..binaries
            },
        })
    }

    fn find_in(folder: &Path) -> Result<Self, ControlPlaneError> {
        Ok(Self {
            etcd: find(folder, "etcd")?,
            apiserver: find(folder, "kube-apiserver")?,
        })
    }
}

/// The path of the webhook server in Go, `certwatcher ADDRESS DIRECTORY [defaults]`.
///
/// # Errors
///
/// [`ControlPlaneError::NotBuilt`]: run the scenarios by `cargo xtask test`.
pub fn certwatcher() -> Result<PathBuf, ControlPlaneError> {
    find(Path::new(CACHE), "certwatcher")
}

/// What a folder with a kustomization makes, as `kubectl kustomize` prints it.
///
/// # Errors
///
/// [`ControlPlaneError::NotBuilt`], or the kustomization is none.
pub fn kustomize(folder: &Path) -> Result<String, Failure> {
    let program = find(Path::new(CACHE), "kustomize")?;
    let made = Command::new(program).arg(folder).output()?;
    if made.status.success() {
        Ok(String::from_utf8(made.stdout)?)
    } else {
        Err(String::from_utf8_lossy(&made.stderr).into())
    }
}

/// The other programs of a node in one binary, `node PROGRAM ARGUMENT…`; `kubectl` is one of them.
pub(crate) fn node_binary() -> Result<PathBuf, ControlPlaneError> {
    find(Path::new(CACHE), "node")
}

fn find(folder: &Path, name: &str) -> Result<PathBuf, ControlPlaneError> {
    let path = folder.join(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(ControlPlaneError::NotBuilt { path })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a convention of Kubernetes tests, read in this one place"
)]
fn assets() -> Option<PathBuf> {
    env::var_os("KUBEBUILDER_ASSETS")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_how_to_build_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = Binaries::find_in(folder.path()).unwrap_err().to_string();
        assert!(error.contains("cargo xtask control-plane"), "{error}");
        assert!(error.contains("etcd"), "{error}");
    }
}
