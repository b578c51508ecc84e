//! Identifies this process among replicas.

/// Returns the pod's name, or the machine's.
pub(crate) fn host() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// Returns the same with a suffix that no other process has.
#[cfg(feature = "cli")]
pub(crate) fn unique() -> String {
    use rotator_core::Entropy as _;

    let tag = kube_adapter::SystemEntropy::new()
        .serial()
        .map_or(0, |serial| u32::from_be_bytes(serial.tail()));
    format!("{}_{tag:08x}", host())
}
