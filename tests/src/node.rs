//! A real one-node Kubernetes without a container engine: kubelet, containerd and the rest in namespaces of their own.

mod bridge;
mod cgroups;
mod inside;
mod settings;
mod traces;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use self::{cgroups::Cgroups, inside::READY};
pub use self::{inside::inside_node, traces::Traces};
use crate::{AuditEvent, Failure, audit, control_plane::node_binary, said::NoKeyIsSaid};

/// Generous: usually it takes ten seconds.
const START_LIMIT: Duration = Duration::from_secs(240);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const KUBECTL_LIMIT: Duration = Duration::from_secs(300);

/// A node with the images of some archives, and nothing else. Needs root.
///
/// Every process, mount, network device and route of it is in namespaces that end with their first process; dropping
/// this ends that one and removes the cgroups and the folder.
#[derive(Debug)]
pub struct Node {
    // In this order: cgroups are empty and the folder is unused when the processes have ended.
    first: Child,
    gate: JoinHandle<()>,
    cgroups: Cgroups,
    said: NoKeyIsSaid,
    folder: TempDir,
}

impl Node {
    /// Starts it by `program`, the path of our binary `node`, and waits until pods can run.
    ///
    /// # Errors
    ///
    /// What did not start, with the end of its log.
    pub async fn start(program: &Path, archives: &[PathBuf]) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let cgroups = Cgroups::make()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://{}", listener.local_addr()?);
        settings::write_access(folder.path(), &url)?;
        let socket = folder.path().join("socket");
        let gate = tokio::spawn(bridge::outwards(listener, socket));
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--mount", "--pid", "--fork", "--mount-proc"])
            .arg("--kill-child")
            .arg(program)
            .arg(folder.path())
            .arg(cgroups.name())
            .args(archives);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut node = Self {
            first: command.spawn()?,
            gate,
            cgroups,
            said: NoKeyIsSaid::below(folder.path()),
            folder,
        };
        timeout(START_LIMIT, node.ready()).await??;
        node.said.etcd_is_up();
        Ok(node)
    }

    /// A client that may do everything.
    ///
    /// # Errors
    ///
    /// None that is expected.
    pub async fn client(&self) -> Result<Client, Failure> {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig())?;
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    /// `kubectl` with these arguments, as somebody who may do everything.
    ///
    /// # Errors
    ///
    /// It fails, and what it said; or five minutes passed.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new(node_binary()?);
        command
            .arg("kubectl")
            .arg("--kubeconfig")
            .arg(self.kubeconfig());
        // What it discovers would be cached at home.
        command
            .arg("--cache-dir")
            .arg(self.folder.path().join("kubectl"));
        command.args(arguments).kill_on_drop(true);
        let output = timeout(KUBECTL_LIMIT, command.output())
            .await
            .map_err(|_| format!("kubectl {}: no end", arguments.join(" ")))??;
        if output.status.success() {
            Ok(String::from_utf8(output.stdout)?)
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("kubectl {}:\n{said}", arguments.join(" ")).into())
        }
    }

    /// The requests that the API server has answered to anyone but itself and whoever may do everything, oldest first.
    /// A watch is in it once when it begins and once when it ends.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn audit(&self) -> Result<Vec<AuditEvent>, Failure> {
        let text = fs::read_to_string(audit::log(self.folder.path(), 0))?;
        Ok(audit::parse(&text)?)
    }

    /// Searches what its pods and its own programs have said for keys, as is done at the end. What a pod said is gone with it.
    ///
    /// # Panics
    ///
    /// If there is one.
    pub fn no_key_is_said(&self) {
        self.said.so_far();
    }

    /// The name of its cgroups.
    pub fn cgroup(&self) -> &str {
        self.cgroups.name()
    }

    /// Where everything is that it stores.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it, and waits until it has.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub async fn stop(mut self) -> Result<(), Failure> {
        // The first process waits for this; all others in its namespace end with it.
        drop(self.first.stdin.take());
        timeout(STOP_LIMIT, self.first.wait()).await??;
        Ok(())
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        let stdout = self.first.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            if line == READY {
                return Ok(());
            }
        }
        Err("the node did not start; it said why".into())
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join(settings::OUTSIDE)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.gate.abort();
        // Unless it has ended already; the kernel ends what is in its namespaces.
        let _ended = self.first.start_kill();
    }
}
