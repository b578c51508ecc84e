//! Parts of a control plane that are killed and started again with what they had stored.

use super::{ControlPlane, binaries::Binaries, error::ControlPlaneError, flags};
use crate::process::Process;

impl ControlPlane {
    /// Ends etcd without a warning.
    ///
    /// # Errors
    ///
    /// It cannot be ended.
    pub fn kill_etcd(&mut self) -> Result<(), ControlPlaneError> {
        self.etcd.kill()
    }

    /// Starts etcd again, with its data and address.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start_etcd(&mut self) -> Result<(), ControlPlaneError> {
        let folder = self.folder.path();
        let command = flags::etcd(&Binaries::find(self.version)?, &self.loopback, folder);
        self.etcd = Process::spawn("etcd", command, folder)?;
        Ok(())
    }

    /// Ends API server `index` without a warning.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError::NoSuchServer`], or it cannot be ended.
    pub fn kill_apiserver(&mut self, index: usize) -> Result<(), ControlPlaneError> {
        self.server_mut(index)?.kill()
    }

    /// Starts API server `index` again, with its address, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub async fn start_apiserver(&mut self, index: usize) -> Result<(), ControlPlaneError> {
        self.start_apiserver_with(index, &[]).await
    }

    /// The same with these flags, too.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub async fn start_apiserver_with(
        &mut self,
        index: usize,
        flags: &[String],
    ) -> Result<(), ControlPlaneError> {
        let folder = self.folder.path();
        let mut command = flags::apiserver(
            &Binaries::find(self.version)?,
            &self.loopback,
            folder,
            index,
        );
        command.args(flags);
        let name = format!("kube-apiserver-{index}");
        *self.server_mut(index)? = Process::spawn(&name, command, self.folder.path())?;
        self.ready().await
    }

    /// Ends API server `index`, and starts it again with a certificate of another CA: clients that were made before do not
    /// trust it.
    ///
    /// # Errors
    ///
    /// It cannot be ended, or does not start.
    pub async fn restart_with_another_ca(&mut self, index: usize) -> Result<(), ControlPlaneError> {
        self.kill_apiserver(index)?;
        self.credentials
            .replace_server(&self.loopback, self.apiservers.len())?;
        self.credentials.write(self.folder.path())?;
        self.start_apiserver(index).await
    }

    fn server_mut(&mut self, index: usize) -> Result<&mut Process, ControlPlaneError> {
        self.apiservers
            .get_mut(index)
            .ok_or(ControlPlaneError::NoSuchServer { index })
    }
}
