//! Reads what cargo reports about this workspace.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{error::Error, shell};

/// The part of `cargo metadata` that we use.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
}

/// A member crate.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// A line of a manifest's dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev` or `build`; absent for a dependency of the crate itself.
    pub(crate) kind: Option<String>,
}

/// Something that cargo builds.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo for the metadata.
    ///
    /// # Errors
    ///
    /// Cargo fails, or its answer has an unknown form.
    pub(crate) fn read() -> Result<Self, Error> {
        let mut metadata =
            shell::cargo(["metadata", "--no-deps", "--format-version=1", "--locked"]);
        serde_json::from_str(&shell::read(&mut metadata)?).map_err(Error::Metadata)
    }

    /// Returns the member of that name.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

impl Package {
    /// Returns the names of its examples.
    pub(crate) fn examples(&self) -> impl Iterator<Item = &str> {
        let examples = self
            .targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "example"));
        examples.map(|target| target.name.as_str())
    }
}
