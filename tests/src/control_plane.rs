//! etcd and kube-apiservers as child processes on loopback.

mod binaries;
mod credentials;
mod error;
mod flags;
mod kubeconfig;
mod loopback;
mod restart;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::{Path, PathBuf},
    time::Duration,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

pub(crate) use self::{
    binaries::{Binaries, node_binary},
    credentials::write_account_keys,
};
pub use self::{
    binaries::{Version, certwatcher, kustomize},
    error::ControlPlaneError,
};
use self::{
    credentials::{Credentials, User},
    loopback::Loopback,
};
use crate::{
    audit::{self, AuditEvent},
    process::Process,
    said::NoKeyIsSaid,
};

/// Generous: the machine may be building something else at the same time. Usually it takes four seconds.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Between two looks at whether an API server is ready.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The folder for programs, in that of the control plane.
const PROGRAMS: &str = "programs";

/// One etcd and some kube-apiservers over it, all on loopback addresses that no other control plane uses.
///
/// Dropping it ends the processes, panics if a log has a private key in it that etcd ever stored, and removes everything
/// that they stored.
#[derive(Debug)]
pub struct ControlPlane {
    version: Version,
    // In this order: API servers end before their etcd, what was said is looked through when all is said, and the folder
    // goes when nobody writes to it any more.
    apiservers: Vec<Process>,
    etcd: Process,
    credentials: Credentials,
    loopback: Loopback,
    said: NoKeyIsSaid,
    folder: TempDir,
}

impl ControlPlane {
    /// Starts etcd and `apiservers` kube-apiservers, and waits until all of them are ready.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::NotBuilt`] if there are no binaries: run `cargo xtask control-plane`. Otherwise the
    /// error names the program that did not start, with the end of its log.
    pub async fn start(apiservers: usize) -> Result<Self, ControlPlaneError> {
        Self::start_of(Version::Newest, apiservers).await
    }

    /// The same with kube-apiservers of another version.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub async fn start_of(version: Version, apiservers: usize) -> Result<Self, ControlPlaneError> {
        let binaries = Binaries::find(version)?;
        let loopback = Loopback::reserve(apiservers)?;
        let folder = tempfile::tempdir().map_err(ControlPlaneError::file(std::env::temp_dir()))?;
        let credentials = Credentials::make(&loopback, apiservers)?;
        credentials.write(folder.path())?;
        let programs = folder.path().join(PROGRAMS);
        fs::create_dir(&programs).map_err(ControlPlaneError::file(programs))?;
        audit::write_policy(folder.path()).map_err(ControlPlaneError::file(folder.path()))?;

        let etcd = Process::spawn(
            "etcd",
            flags::etcd(&binaries, &loopback, folder.path()),
            folder.path(),
        )?;
        let apiservers = (0..apiservers).map(|index| {
            let name = format!("kube-apiserver-{index}");
            let command = flags::apiserver(&binaries, &loopback, folder.path(), index);
            Process::spawn(&name, command, folder.path())
        });
        let apiservers = apiservers.collect::<Result<_, _>>()?;
        let mut control_plane = Self {
            version,
            apiservers,
            etcd,
            credentials,
            loopback,
            said: NoKeyIsSaid::below(folder.path()),
            folder,
        };
        control_plane.ready().await?;
        control_plane.said.etcd_is_up();
        Ok(control_plane)
    }

    /// Where API server `index` (from 0) listens.
    pub fn url(&self, index: usize) -> String {
        format!("https://{}", self.loopback.apiserver(index))
    }

    /// The same as an address.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::NoSuchServer`].
    pub fn address(&self, index: usize) -> Result<SocketAddr, ControlPlaneError> {
        self.server(index)?;
        Ok(self.loopback.apiserver(index).into())
    }

    /// A folder for the logs and files of programs that run on it.
    pub fn programs(&self) -> PathBuf {
        self.folder.path().join(PROGRAMS)
    }

    /// Where etcd listens for its clients, without TLS.
    pub fn etcd(&self) -> SocketAddrV4 {
        self.loopback.etcd()
    }

    /// A client of API server `index`, as a member of `system:masters`. It does not retry.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::NoSuchServer`].
    pub async fn client(&self, index: usize) -> Result<Client, ControlPlaneError> {
        self.client_of(&User::ADMIN, index).await
    }

    /// A client of API server `index`, as a user that may do what RBAC allows it, and nothing else. It does not
    /// retry. A service account is the user `system:serviceaccount:NAMESPACE:NAME`.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::NoSuchServer`].
    pub async fn client_as(&self, user: &str, index: usize) -> Result<Client, ControlPlaneError> {
        self.client_of(&User::plain(user), index).await
    }

    /// Writes a kubeconfig of a member of `system:masters`, for programs and for `kubectl`. It has one context for
    /// each API server, `apiserver-0` and so on; the first is the current one.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn admin_kubeconfig(&self, path: &Path) -> Result<(), ControlPlaneError> {
        self.write_kubeconfig(&User::ADMIN, path)
    }

    /// The same for a user that may do what RBAC allows it, and nothing else; see [`ControlPlane::client_as`].
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn kubeconfig_for(&self, user: &str, path: &Path) -> Result<(), ControlPlaneError> {
        self.write_kubeconfig(&User::plain(user), path)
    }

    /// The file of the CA that signs users, as PEM.
    pub fn client_root_file(&self) -> PathBuf {
        self.folder.path().join(credentials::CLIENT_ROOT)
    }

    /// What clients trust, as PEM.
    pub fn root_pem(&self) -> &str {
        self.credentials.root_pem()
    }

    /// Stops API server `index` where it stands: it neither answers nor learns anything until it is resumed.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::NoSuchServer`], or the process has ended.
    pub fn pause(&self, index: usize) -> Result<(), ControlPlaneError> {
        self.server(index)?.pause()
    }

    /// Lets API server `index` go on.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::NoSuchServer`], or the process has ended.
    pub fn resume(&self, index: usize) -> Result<(), ControlPlaneError> {
        self.server(index)?.resume()
    }

    /// All that API server `index` has printed.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::NoSuchServer`], or the file cannot be read.
    pub fn log(&self, index: usize) -> Result<String, ControlPlaneError> {
        self.server(index)?.log()
    }

    /// The requests that API server `index` has answered to anyone but itself and `system:masters`, oldest first.
    /// A watch is in it once when it begins and once when it ends.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::NoSuchServer`], or the file cannot be read.
    pub fn audit(&self, index: usize) -> Result<Vec<AuditEvent>, ControlPlaneError> {
        self.server(index)?;
        let path = audit::log(self.folder.path(), index);
        let text = fs::read_to_string(&path).map_err(ControlPlaneError::file(path))?;
        Ok(audit::parse(&text)?)
    }

    /// A free address for cluster IP number `index` (0 to 99) of this control plane: what listens there is what the
    /// API servers call for a Service with this `clusterIP`.
    pub fn cluster_ip(&self, index: u8) -> Ipv4Addr {
        self.loopback.cluster_ip(index)
    }

    async fn client_of(&self, user: &User<'_>, index: usize) -> Result<Client, ControlPlaneError> {
        self.server(index)?;
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig(user)?)?;
        let options = KubeConfigOptions {
            context: Some(kubeconfig::context(index)),
            ..KubeConfigOptions::default()
        };
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        config.default_retry = false;
        Ok(Client::try_from(config)?)
    }

    fn write_kubeconfig(&self, user: &User<'_>, path: &Path) -> Result<(), ControlPlaneError> {
        fs::write(path, self.kubeconfig(user)?).map_err(ControlPlaneError::file(path))
    }

    fn kubeconfig(&self, user: &User<'_>) -> Result<String, ControlPlaneError> {
        let urls = (0..self.apiservers.len()).map(|index| self.url(index));
        let client = self.credentials.client(user)?;
        Ok(kubeconfig::render(
            urls,
            self.credentials.root_pem(),
            &client,
        ))
    }

    fn server(&self, index: usize) -> Result<&Process, ControlPlaneError> {
        self.apiservers
            .get(index)
            .ok_or(ControlPlaneError::NoSuchServer { index })
    }

    async fn ready(&mut self) -> Result<(), ControlPlaneError> {
        for index in 0..self.apiservers.len() {
            let client = self.client(index).await?;
            match timeout(START_LIMIT, self.one_ready(&client, index)).await {
                Ok(answer) => answer?,
                Err(_) => return Err(self.server(index)?.not_ready()),
            }
        }
        Ok(())
    }

    async fn one_ready(&mut self, client: &Client, index: usize) -> Result<(), ControlPlaneError> {
        loop {
            let request = http::Request::get("/readyz").body(Vec::new())?;
            if client.request_text(request).await.is_ok() {
                return Ok(());
            }
            self.etcd.still_runs()?;
            let server = self
                .apiservers
                .get_mut(index)
                .ok_or(ControlPlaneError::NoSuchServer { index })?;
            server.still_runs()?;
            sleep(LOOK_AGAIN).await;
        }
    }
}
