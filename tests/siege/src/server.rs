//! Who is besieged.

use std::{fs, path::Path};

use scenarios::{Failure, Installation, Program, built, certwatcher};

use crate::cage::Cage;

/// A webhook server that admits everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "each is compared with the other")]
pub enum Server {
    /// One that embeds the library, and keeps its own certificates.
    Ours,
    /// One in Go with controller-runtime and its settings, whose certificates lie in a folder.
    Go,
}

impl Server {
    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Go => "Go",
        }
    }

    /// Starts it in `cage`, and waits until it serves. `folder` is for its files.
    pub(crate) async fn start(
        self,
        cluster: &Installation,
        (cage, descriptors): (&Cage, u64),
        folder: &Path,
    ) -> Result<Program, Failure> {
        let address = cluster.service.address.to_string();
        let (mut command, ready) = match self {
            Self::Ours => {
                let mut command = cage.command(&built("besieged"), descriptors);
                command.arg(cluster.keeper_kubeconfig());
                (command, "ready")
            }
            Self::Go => {
                for name in ["tls.crt", "tls.key"] {
                    let bytes = cluster.entry("guard-tls", name).await?;
                    fs::write(folder.join(name), bytes)?;
                }
                let command = cage.command(&certwatcher()?, descriptors);
                (command, "Serving webhook server")
            }
        };
        command.arg(address);
        if self == Self::Go {
            command.arg(folder).arg("defaults");
        }
        let name = format!("besieged-{}", self.name());
        let mut program = Program::command(&name, command, cluster.folder())?;
        program.says(ready).await?;
        Ok(program)
    }
}
