//! The first process in the namespaces: makes the surroundings, starts the programs, and waits to end.
#![expect(clippy::print_stdout, reason = "tells whoever started it")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use certgen::KeyAlgorithm;
use kube_adapter::SystemEntropy;
use rotator_core::Entropy;
use tokio::{
    io::{AsyncReadExt, stdin},
    net::UnixListener,
    time::{sleep, timeout},
};

use super::{bridge, settings};
use crate::{
    Failure,
    control_plane::{Binaries, Version, node_binary, write_account_keys},
    process::Process,
};

pub(super) const READY: &str = "ready";
const LIMIT: Duration = Duration::from_secs(100);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What runs beside the control plane.
const PARTS: [&str; 5] = [
    "kubelet",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "coredns",
];
/// The kubelet insists on these, and they are the machine's: it is shown files in their place.
const MACHINE_WIDE: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// Runs a node in `folder` until its standard input is closed. For `bin/node.rs` alone.
///
/// # Errors
///
/// What did not start, with the end of its log.
pub async fn inside_node(folder: &Path, cgroup: &str, archives: &[PathBuf]) -> Result<(), Failure> {
    surroundings(folder)?;
    settings::write(folder, cgroup)?;
    write_account_keys(
        folder,
        &SystemEntropy::new().private_key(KeyAlgorithm::P256)?,
    )?;
    let binaries = Binaries::find(Version::Newest)?;
    let node = node_binary()?;
    let run = |name: &str, command: Command| Process::spawn(name, command, folder);

    let mut containerd = Command::new("containerd");
    containerd.arg("-c").arg(folder.join("containerd.toml"));
    let mut processes = vec![
        run("containerd", containerd)?,
        run("etcd", settings::etcd(&binaries.etcd, folder))?,
        run(
            "kube-apiserver",
            settings::apiserver(&binaries.apiserver, folder),
        )?,
    ];
    until(&mut processes, || run_quietly(&mut ctr(&["version"]))).await?;
    for archive in archives {
        let archive = archive.to_str().ok_or("a path that is not UTF-8")?;
        run_aloud(&mut ctr(&[
            "--namespace=k8s.io",
            "image",
            "import",
            archive,
        ]))?;
    }
    until(&mut processes, || {
        run_quietly(&mut kubectl(&node, folder, &["get", "--raw=/readyz"]))
    })
    .await?;
    trust(folder)?;
    for name in PARTS {
        processes.push(run(name, settings::part(&node, folder, name))?);
    }
    let is_ready = [
        "wait",
        "--for=condition=Ready",
        "node/node",
        "--timeout=10s",
    ];
    until(&mut processes, || {
        run_quietly(&mut kubectl(&node, folder, &is_ready))
            && run_quietly(&mut kubectl(&node, folder, &["get", "sa", "default"]))
    })
    .await?;
    let socket = UnixListener::bind(folder.join("socket"))?;
    tokio::spawn(bridge::inwards(socket, ([127, 0, 0, 1], 6443).into()));
    println!("{READY}");
    // Nothing is ever written: this returns when whoever started us is gone or wants us to.
    let _closed = stdin().read_u8().await;
    Ok(())
}

fn surroundings(folder: &Path) -> Result<(), Failure> {
    mount(&["--make-rprivate", "/"])?;
    mount(&["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])?;
    fs::create_dir_all("/run/lock")?;
    for (name, value) in MACHINE_WIDE {
        let shown = format!("/run/{}", name.replace('/', "."));
        fs::write(&shown, format!("{value}\n"))?;
        mount(&["--bind", &shown, &format!("/proc/sys/{name}")])?;
    }
    let (upper, work) = (folder.join("var"), folder.join("var.work"));
    fs::create_dir(&upper)?;
    fs::create_dir(&work)?;
    let layers = format!(
        "lowerdir=/var,upperdir={},workdir={}",
        upper.display(),
        work.display()
    );
    mount(&["-t", "overlay", "-o", &layers, "overlay", "/var"])?;
    ip(&["link", "set", "lo", "up"])?;
    let address = format!("{}/32", settings::ADDRESS);
    ip(&["address", "add", &address, "dev", "lo"])?;
    // The route is looked up before the address is translated: without any, no process of the node reaches a Service.
    ip(&["route", "add", settings::SERVICES, "dev", "lo"])?;
    // These two belong to the network namespace.
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    let bridged = Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables");
    if bridged.exists() {
        fs::write(bridged, "1")?;
    }
    Ok(())
}

/// What the API server made for itself is its certificate and, after it, who signed it.
fn trust(folder: &Path) -> Result<(), Failure> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let chain = fs::read_to_string(folder.join("apiserver/apiserver.crt"))?;
    let start = chain.rfind(BEGIN).ok_or("no certificate")?;
    let root = chain.get(start..).unwrap_or_default();
    Ok(fs::write(folder.join("ca.crt"), root)?)
}

async fn until(processes: &mut [Process], mut holds: impl FnMut() -> bool) -> Result<(), Failure> {
    let waited = timeout(LIMIT, async {
        while !holds() {
            for process in processes.iter_mut() {
                process.still_runs()?;
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok::<(), Failure>(())
    });
    if let Ok(result) = waited.await {
        return result;
    }
    let logs: Vec<String> = processes
        .iter()
        .map(|process| process.not_ready().to_string())
        .collect();
    Err(logs.join("\n").into())
}

fn mount(arguments: &[&str]) -> Result<(), Failure> {
    // It would make /run/mount on the machine, before /run is the node's own.
    run_aloud(Command::new("mount").arg("--no-mtab").args(arguments))
}

fn ip(arguments: &[&str]) -> Result<(), Failure> {
    run_aloud(Command::new("ip").args(arguments))
}

fn ctr(arguments: &[&str]) -> Command {
    let mut command = Command::new("ctr");
    command
        .arg(format!("--address={}", settings::CONTAINERD_SOCKET))
        .args(arguments);
    command
}

fn kubectl(node: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(node);
    command
        .args(["kubectl", "--cache-dir=/run/kubectl", "--kubeconfig"])
        .arg(folder.join("kubeconfig"))
        .args(arguments);
    command
}

fn run_quietly(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn run_aloud(command: &mut Command) -> Result<(), Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {said}").into())
}
