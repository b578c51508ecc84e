//! The command lines.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    binaries::Binaries,
    credentials::{ACCOUNT_KEY, ACCOUNT_PUBLIC_KEY, CLIENT_ROOT, SERVER_CHAIN, SERVER_KEY},
    loopback::Loopback,
};
use crate::audit;

const ISSUER: &str = "https://kubernetes.default.svc";

pub(super) fn etcd(binaries: &Binaries, loopback: &Loopback, folder: &Path) -> Command {
    let clients = format!("http://{}", loopback.etcd());
    let peers = format!("http://{}", loopback.etcd_peers());
    let mut command = Command::new(&binaries.etcd);
    command.arg("--data-dir").arg(folder.join("etcd")).args([
        // Nothing is kept, so nothing needs to survive a power cut.
        "--unsafe-no-fsync",
        "--name=etcd",
        "--log-level=warn",
        &format!("--listen-client-urls={clients}"),
        &format!("--advertise-client-urls={clients}"),
        &format!("--listen-peer-urls={peers}"),
        &format!("--initial-advertise-peer-urls={peers}"),
        &format!("--initial-cluster=etcd={peers}"),
    ]);
    command
}

pub(super) fn apiserver(
    binaries: &Binaries,
    loopback: &Loopback,
    folder: &Path,
    index: usize,
) -> Command {
    let address = loopback.apiserver(index);
    let file = |flag: &str, path: PathBuf| format!("--{flag}={}", path.display());
    let mut command = Command::new(&binaries.apiserver);
    command.args([
        format!("--etcd-servers=http://{}", loopback.etcd()),
        format!("--bind-address={}", address.ip()),
        format!("--secure-port={}", address.port()),
        // Loopback cluster IPs make `service:` references real: the API server dials them and finds our listeners.
        format!("--service-cluster-ip-range={}", loopback.service_range()),
        // Nobody connects to it; without it a machine must have an address besides loopback.
        "--advertise-address=192.0.2.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        // As in OpenShift: who makes an object that holds up the end of its owner needs a right on the owner's finalizers.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement".to_owned(),
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        format!("--service-account-issuer={ISSUER}"),
        format!("--api-audiences={ISSUER}"),
        "--audit-log-format=json".to_owned(),
    ]);
    command.args([
        file("cert-dir", folder.join(format!("apiserver-{index}"))),
        file("tls-cert-file", folder.join(SERVER_CHAIN)),
        file("tls-private-key-file", folder.join(SERVER_KEY)),
        file("client-ca-file", folder.join(CLIENT_ROOT)),
        file("service-account-signing-key-file", folder.join(ACCOUNT_KEY)),
        file("service-account-key-file", folder.join(ACCOUNT_PUBLIC_KEY)),
        file("audit-policy-file", folder.join(audit::POLICY_FILE)),
        file("audit-log-path", audit::log(folder, index)),
    ]);
    command
}
