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
    /// A program ran and said no.
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
    /// `KUBEBUILDER_ASSETS` is set, but a binary is not in there.
    #[error("KUBEBUILDER_ASSETS is set but there is no {}", path.display())]
    NotInAssets {
        /// The file that should be there.
        path: PathBuf,
    },
    /// More than anybody wants to pull.
    #[error("{name} has {size} bytes, more than {limit}: what grew?")]
    ImageTooLarge {
        /// The image's name.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Images are for Linux on machines of this kind.
    #[error(
        "images are built on Linux on x86-64 or 64-bit ARM; with a container engine: docker build ."
    )]
    NoImageHere,
    /// Nothing can be run under a wrong clock.
    #[error(
        "there is no faketime, by which scenarios run programs under a wrong clock: install it, on Debian by `apt-get install \
         faketime` as root"
    )]
    NoFakeClock,
    /// Scenarios do not run where something is missing; nothing of them was run.
    #[error("nothing was run, since this is missing:\n  {}", missing.join("\n  "))]
    Missing {
        /// What, and how to get it.
        missing: Vec<String>,
    },
    /// Cargo describes the workspace in a way that we do not know.
    #[error("cannot read the answer of `cargo metadata`: {0}")]
    Metadata(serde_json::Error),
    /// The sources break a rule; each breach has been printed.
    #[error("tidy: {breaches} to mend")]
    Untidy {
        /// How many.
        breaches: usize,
    },
    /// Something was broken, and the test that is said to notice did not.
    #[error("no test noticed: {}", mutants.join(", "))]
    Survived {
        /// The patches, by name.
        mutants: Vec<String>,
    },
    /// Something that is promised does not hold; the table says what.
    #[error("disproved: {}", checks.join(", "))]
    Disproved {
        /// The checks that failed.
        checks: Vec<String>,
    },
    /// A patch that nobody is said to notice.
    #[error("{} has no line `# caught by: PACKAGE::TEST`", patch.display())]
    NobodyCatches {
        /// The file.
        patch: PathBuf,
    },
    /// A Go module lacks what it is there for.
    #[error("{module}/go.mod does not require {name}")]
    NotRequired {
        /// Its folder.
        module: String,
        /// The module that it should require.
        name: String,
    },
    /// The README does not show what its readers need.
    #[error("README.md lacks {what}")]
    NotInReadme {
        /// What it should have.
        what: String,
    },
    /// No mutant is called so.
    #[error("no file in tests/mutants has {name} in its name")]
    NoSuchMutant {
        /// What was asked for.
        name: String,
    },
    /// No fuzz target is called so.
    #[error("there is no fuzz target {name}: give one of {targets}")]
    NoSuchTarget {
        /// What was asked for.
        name: String,
        /// What there is.
        targets: String,
    },
    /// A fuzzer found something; it has been printed.
    #[error("an input was found that breaks {}: replay it as docs/fuzzing.md says", targets.join(", "))]
    Crashed {
        /// The fuzz targets.
        targets: Vec<String>,
    },
    /// The control plane did not come up; its log has been printed.
    #[error("the control plane did not start, see {}", log.display())]
    NotUp {
        /// Where it says why.
        log: PathBuf,
    },
}

impl Error {
    /// Names the file that an operation was about; for `map_err`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}
