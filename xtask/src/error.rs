//! Why a task stopped.

use std::{io, path::PathBuf};

/// Why a task stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// A program did not start: is it installed?
    #[error("cannot run `{program}`: {source}; is it installed?")]
    NotStarted {
        /// The program's name.
        program: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed")]
    Failed {
        /// The whole command line.
        command: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// `KUBEBUILDER_ASSETS` is set, but the folder lacks a binary.
    #[error("KUBEBUILDER_ASSETS is set but there is no {}", path.display())]
    NotInAssets {
        /// The file that should be there.
        path: PathBuf,
    },
    /// An image is larger than users should have to pull.
    #[error("{name} has {size} bytes, more than {limit}: what grew?")]
    ImageTooLarge {
        /// The image's name.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// This machine cannot build images.
    #[error(
        "images are built on Linux on x86-64 or 64-bit ARM; with a container engine: docker build ."
    )]
    NoImageHere,
    /// Something that the scenarios need is missing; none was run.
    #[error("nothing was run, since this is missing:\n  {}", missing.join("\n  "))]
    Missing {
        /// What is missing, and how to get it.
        missing: Vec<String>,
    },
    /// Cargo describes the workspace in an unknown form.
    #[error("cannot read the answer of `cargo metadata`: {0}")]
    Metadata(serde_json::Error),
    /// The sources break a rule; each breach has been printed.
    #[error("tidy: {breaches} to mend")]
    Untidy {
        /// How many breaches.
        breaches: usize,
    },
    /// A mutant broke something, and the named test did not notice.
    #[error("no test noticed: {}", mutants.join(", "))]
    Survived {
        /// The names of the patches.
        mutants: Vec<String>,
    },
    /// A promise does not hold; the table says which.
    #[error("disproved: {}", checks.join(", "))]
    Disproved {
        /// The checks that failed.
        checks: Vec<String>,
    },
    /// A patch names no test that must notice it.
    #[error("{} has no line `# caught by: PACKAGE::TEST`", patch.display())]
    NobodyCatches {
        /// The patch file.
        patch: PathBuf,
    },
    /// A Go module does not require the module that it is there for.
    #[error("{module}/go.mod does not require {name}")]
    NotRequired {
        /// The module's folder.
        module: String,
        /// The module that it should require.
        name: String,
    },
    /// The README lacks what its readers need.
    #[error("README.md lacks {what}")]
    NotInReadme {
        /// What it lacks.
        what: String,
    },
    /// No mutant has this name.
    #[error("no file in tests/mutants has {name} in its name")]
    NoSuchMutant {
        /// The name given.
        name: String,
    },
    /// No proof has this in its name.
    #[error(
        "no proof has {name:?} in its name: leave it out to run all, or see the names in xtask/src/prove.rs"
    )]
    NoSuchProof {
        /// The name given.
        name: String,
    },
    /// No fuzz target has this name.
    #[error("there is no fuzz target {name}: give one of {targets}")]
    NoSuchTarget {
        /// The name given.
        name: String,
        /// The names that exist.
        targets: String,
    },
    /// A fuzzer found something; it has been printed.
    #[error("an input was found that breaks {}: replay it as docs/fuzzing.md says", targets.join(", "))]
    Crashed {
        /// The fuzz targets.
        targets: Vec<String>,
    },
    /// The control plane did not start; its log has been printed.
    #[error("the control plane did not start, see {}", log.display())]
    NotUp {
        /// The log, which says why.
        log: PathBuf,
    },
}

impl Error {
    /// Makes the error of an operation on a file, for `map_err`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
