//! What the programs of a node are told.

use std::{fs, io, path::Path, process::Command};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SystemRandom, generate};
use serde_json::{Value, json};

use crate::{Failure, audit};

/// The node's own address, on its loopback device.
pub(super) const ADDRESS: &str = "10.55.0.1";
pub(super) const SERVICES: &str = "10.96.0.0/24";
const DOMAIN: &str = "cluster.local";
const PODS: &str = "10.244.0.0/24";
/// The kubeconfig of whoever started the node.
pub(super) const OUTSIDE: &str = "outside.kubeconfig";
const PAUSE: &str = concat!("localhost/pause:", env!("CARGO_PKG_VERSION"));
pub(super) const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";

/// Writes who may do everything, and what they read: inside the node and, with the API server at `url`, outside. The gate
/// is open to every user of this machine, and the folder is not.
pub(super) fn write_access(folder: &Path, url: &str) -> Result<(), Failure> {
    let random: [u8; 32] = generate(&SystemRandom::new())
        .map_err(|_unspecified| "no random numbers")?
        .expose();
    let token = URL_SAFE_NO_PAD.encode(random);
    let text = |name: &str, text: String| fs::write(folder.join(name), text);
    text(
        "tokens.csv",
        format!("{token},admin,admin,\"system:masters\"\n"),
    )?;
    let inside = "https://127.0.0.1:6443";
    text("kubeconfig", kubeconfig(inside, &token).to_string())?;
    Ok(text(OUTSIDE, kubeconfig(url, &token).to_string())?)
}

/// Writes the files that the command lines refer to. JSON is YAML, too.
pub(super) fn write(folder: &Path, cgroup: &str) -> io::Result<()> {
    for name in ["cni", "volume-plugins"] {
        fs::create_dir(folder.join(name))?;
    }
    let text = |name: &str, text: &str| fs::write(folder.join(name), text);
    text("resolv.conf", "")?;
    audit::write_policy(folder)?;
    text("containerd.toml", &containerd(folder))?;
    text("kubelet.json", &kubelet(folder, cgroup).to_string())?;
    text("proxy.json", &proxy(folder).to_string())?;
    text("Corefile", &names(folder))?;
    text("cni/node.conflist", &pod_network().to_string())
}

fn kubeconfig(url: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "node", "cluster": {"server": url, "insecure-skip-tls-verify": true}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "node", "context": {"cluster": "node", "user": "admin"}}],
        "current-context": "node",
    })
}

fn containerd(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"version = 2
root = "{folder}/containerd"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # Without CAP_SYS_RESOURCE no score can be lowered.
  restrict_oom_score_adj = true
  disable_apparmor = true
  cni = {{ bin_dir = "/usr/lib/cni", conf_dir = "{folder}/cni" }}
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
"#
    )
}

fn kubelet(folder: &Path, cgroup: &str) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{cgroup}"),
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD_SOCKET}"),
        // It would set the machine's, and finds them set: see `inside`.
        "protectKernelDefaults": true,
        "failSwapOn": false,
        "resolvConf": folder.join("resolv.conf"),
        "clusterDNS": [ADDRESS],
        "clusterDomain": DOMAIN,
        "volumePluginDir": folder.join("volume-plugins"),
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        // What is put away is compressed, and no longer searched for keys.
        "containerLogMaxSize": "1Gi",
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "memory.available": "100Mi",
        },
    })
}

fn proxy(folder: &Path) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": folder.join("kubeconfig")},
        "hostnameOverride": "node",
        "clusterCIDR": PODS,
        "bindAddress": ADDRESS,
        "oomScoreAdj": 0,
        // Zero leaves the machine's settings alone.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    })
}

/// Of Services and pods alone: no name leads off the machine.
fn names(folder: &Path) -> String {
    let kubeconfig = folder.join("kubeconfig");
    let kubeconfig = kubeconfig.display();
    format!(".:53 {{\n  errors\n  kubernetes {DOMAIN} {{\n    kubeconfig {kubeconfig}\n  }}\n}}\n")
}

fn pod_network() -> Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "node",
        "plugins": [{
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": true,
            "ipMasq": true,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni-ipam",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
}

pub(super) fn etcd(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.arg("--data-dir").arg(folder.join("etcd")).args([
        "--unsafe-no-fsync",
        "--log-level=warn",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=default=http://127.0.0.1:2380",
    ]);
    command
}

pub(super) fn apiserver(binary: &Path, folder: &Path) -> Command {
    let file = |flag: &str, name: &str| format!("--{flag}={}", folder.join(name).display());
    let mut command = Command::new(binary);
    command.args([
        "--etcd-servers=http://127.0.0.1:2379".to_owned(),
        "--secure-port=6443".to_owned(),
        "--bind-address=0.0.0.0".to_owned(),
        format!("--advertise-address={ADDRESS}"),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        file("cert-dir", "apiserver"),
        file("service-account-signing-key-file", "accounts.key"),
        file("service-account-key-file", "accounts.pub"),
        file("token-auth-file", "tokens.csv"),
        file("audit-policy-file", audit::POLICY_FILE),
        format!("--audit-log-path={}", audit::log(folder, 0).display()),
    ]);
    command
}

/// One of the programs that are built into one binary.
pub(super) fn part(binary: &Path, folder: &Path, name: &str) -> Command {
    let file = |flag: &str, name: &str| format!("--{flag}={}", folder.join(name).display());
    let mut command = Command::new(binary);
    command.arg(name);
    match name {
        "kubelet" => command.args([
            file("config", "kubelet.json"),
            file("kubeconfig", "kubeconfig"),
            file("root-dir", "kubelet"),
            format!("--node-ip={ADDRESS}"),
            "--hostname-override=node".to_owned(),
        ]),
        "kube-controller-manager" => command.args([
            file("kubeconfig", "kubeconfig"),
            file("root-ca-file", "ca.crt"),
            file("flex-volume-plugin-dir", "volume-plugins"),
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            "--cert-dir=/run/controllers".to_owned(),
        ]),
        "kube-scheduler" => command.args([
            file("kubeconfig", "kubeconfig"),
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            "--cert-dir=/run/scheduler".to_owned(),
        ]),
        "kube-proxy" => command.arg(file("config", "proxy.json")),
        "coredns" => command.arg("-conf").arg(folder.join("Corefile")),
        _ => &mut command,
    };
    command
}
