//! Why there is no verdict.

use std::{io, path::PathBuf};

use rotator_core::StepError;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// Nobody has built the program in Go yet.
    #[error("there is no {}: run `cargo xtask control-plane`", path.display())]
    NotBuilt {
        /// Where it was expected.
        path: PathBuf,
    },
    /// A program did not start, or its pipes broke.
    #[error("cannot talk to {program}")]
    Talk {
        /// The program.
        program: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// A program did not answer as it should.
    #[error("{program} answered {answer:?}")]
    Answer {
        /// The program.
        program: &'static str,
        /// Its words.
        answer: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The product did not live as it should.
    #[error("the product failed")]
    Step(#[source] StepError),
    /// The product published something else than a chain or a bundle, or nothing.
    #[error("the product published no {what}")]
    Published {
        /// What was looked for.
        what: &'static str,
    },
    /// Durations or names that the product refuses.
    #[error("the product refuses these settings")]
    Settings,
    /// A case that is not in the matrix.
    #[error("there is no case {number}: the last is {last}")]
    NoSuchCase {
        /// As asked for.
        number: usize,
        /// The last.
        last: usize,
    },
}
