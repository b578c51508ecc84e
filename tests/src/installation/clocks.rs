//! Programs that have a clock of their own, and a wire of their own to the API servers.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Failure, Installation, Mode, run_arguments};
use crate::{FakeClock, Program, Wire};

/// Below the ports that systems hand out for outgoing connections.
const WIRE: u16 = 26_444;

impl Installation {
    /// Starts `webhook-certs run` under a clock that may be wrong, and with a kubeconfig of its own.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn run_under(
        &self,
        clock: &FakeClock,
        name: &str,
        kubeconfig: &Path,
        flags: &[String],
    ) -> Result<Program, Failure> {
        let arguments = run_arguments(kubeconfig, flags);
        let words: Vec<&str> = std::iter::once("webhook-certs")
            .chain(arguments.iter().map(String::as_str))
            .collect();
        Ok(clock.start(name, &words, self.folder())?)
    }

    /// Starts replica `index` under a clock that may be wrong, and with a kubeconfig of its own.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn replica_under(
        &self,
        clock: &FakeClock,
        index: u16,
        mode: Mode,
        kubeconfig: &Path,
    ) -> Result<Program, Failure> {
        let [kubeconfig, address, mode] = self.replica_arguments(index, mode, kubeconfig);
        let words = ["guard", &kubeconfig, &address, &mode];
        Ok(clock.start(&format!("replica-{index}"), &words, self.folder())?)
    }

    /// Writes `kubeconfig` anew, so that whoever uses it finds an API server behind this wire only.
    ///
    /// # Errors
    ///
    /// It is no kubeconfig of ours, or cannot be written.
    pub fn through(&self, wire: &Wire, kubeconfig: &Path) -> Result<PathBuf, Failure> {
        let mut file: Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
        let cluster = file.pointer_mut("/clusters/0/cluster");
        let cluster = cluster.and_then(Value::as_object_mut).ok_or("no cluster")?;
        cluster.insert(
            "server".into(),
            format!("https://{}", wire.address()).into(),
        );
        // The name in the API servers' certificate: the wire's address is not.
        cluster.insert("tls-server-name".into(), "kubernetes.default.svc".into());
        let name = format!("{}-through-{}", kubeconfig.display(), wire.address().ip());
        std::fs::write(&name, file.to_string())?;
        Ok(name.into())
    }

    /// A wire to API server `index`, number `number` (0 to 9) of this installation.
    ///
    /// # Errors
    ///
    /// There is no such API server, or the address is taken.
    pub async fn wire(&self, number: u8, index: usize) -> Result<Wire, Failure> {
        let address = (self.control_plane.cluster_ip(90 + number), WIRE).into();
        Ok(Wire::start(address, self.control_plane.address(index)?).await?)
    }
}
