//! Who this process is among replicas.

use kube_adapter::SystemEntropy;
use rotator_core::Entropy;

/// The pod's name, or the machine's.
pub(crate) fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    host.trim().to_owned()
}

/// The same, and something that no other process has.
pub(crate) fn unique() -> String {
    let tag = SystemEntropy::new()
        .serial()
        .map_or(0, |serial| u32::from_be_bytes(serial.tail()));
    format!("{}_{tag:08x}", host())
}
