//! `cargo xtask e2e --on kind`: checks what a cluster in a container engine needs.

use std::process::Command;

use crate::{error::Error, shell};

/// The programs needed, each with a check that it works, and how to get it.
const NEEDED: [(&str, &[&str], &str); 2] = [
    (
        "kind",
        &["version"],
        "kind: `go install sigs.k8s.io/kind@latest`",
    ),
    (
        "kubectl",
        &["version", "--client"],
        "kubectl: https://kubernetes.io/docs/tasks/tools/",
    ),
];
/// The container engines, any of which will do.
const ENGINES: [&str; 3] = ["docker", "podman", "nerdctl"];

/// Reports what is missing. No scenario runs on kind yet: even if nothing is missing, this says so and fails.
///
/// # Errors
///
/// Always.
pub(crate) fn scenarios() -> Result<(), Error> {
    let works =
        |program: &str, arguments: &[&str]| shell::succeeds(Command::new(program).args(arguments));
    let mut missing: Vec<String> = NEEDED
        .iter()
        .filter(|(program, arguments, _)| !works(program, arguments))
        .map(|(_, _, how)| (*how).to_owned())
        .collect();
    if !ENGINES.iter().any(|engine| works(engine, &["info"])) {
        missing.push("a container engine that runs: `apt-get install podman` or docker.io".into());
    }
    missing.push("scenarios for kind: they run on a node only, `cargo xtask e2e --on node`".into());
    Err(Error::Missing { missing })
}
