//! Who this process is among replicas.

use kube_adapter::SystemEntropy;
use rotator_core::Entropy;

/// The pod's name, or the machine's.
pub(crate) fn host() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// The same, and something that no other process has.
pub(crate) fn unique() -> String {
    let tag = SystemEntropy::new()
        .serial()
        .map_or(0, |serial| u32::from_be_bytes(serial.tail()));
    format!("{}_{tag:08x}", host())
}
