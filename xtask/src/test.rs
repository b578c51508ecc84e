//! `cargo xtask test` and `cargo xtask e2e`: runs all tests.

use std::process::Command;

use clap::ValueEnum;

use crate::{control_plane, error::Error, kind, node, packages, shell, workspace::Workspace};

/// The crates that can be used alone; each shows how in its examples.
const USED_ALONE: &[&str] = &["certgen", "rotator-core", "webhook-inject", "webhook-serve"];

/// The crates whose tests are proofs: [`sample`] runs them optimised.
pub(crate) const PROOFS: &[&str] = &["hostile", "judges", "model", "simulation"];

/// Where the scenarios find their control plane.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum On {
    /// etcd and kube-apiserver as processes on this machine.
    Local,
    /// A node of this machine's own, without a container engine.
    Node,
    /// A cluster in a container engine.
    Kind,
}

/// Runs all tests, documentation tests and scenarios, and the examples of the crates that can be used alone.
///
/// # Errors
///
/// The first that fails.
pub(crate) fn test() -> Result<(), Error> {
    all_but_the_sample()?;
    sample()
}

/// [`test()`] without [`sample`].
///
/// # Errors
///
/// The first that fails.
pub(crate) fn all_but_the_sample() -> Result<(), Error> {
    packages::ensure(packages::FAKE_CLOCK)?;
    control_plane::build_all()?;
    build()?;
    shell::run(&mut unoptimised("test"))?;
    run_examples()
}

/// Builds what [`all_but_the_sample`] runs: all targets, since the scenarios run the binary.
///
/// # Errors
///
/// Something cannot be built.
pub(crate) fn build() -> Result<(), Error> {
    packages::ensure(packages::MAKE)?;
    shell::run(unoptimised("build").arg("--all-targets"))
}

/// Returns cargo's command for all packages except the proofs. Together with other packages, cargo would build them
/// once more, with other features.
pub(crate) fn unoptimised(command: &str) -> Command {
    let mut cargo = shell::cargo([command, "--workspace", "--locked"]);
    for proof in PROOFS {
        cargo.args(["--exclude", proof]);
    }
    cargo
}

/// Runs the sample of the proofs that `docs/proof.md` describes.
///
/// # Errors
///
/// One of them fails.
pub(crate) fn sample() -> Result<(), Error> {
    control_plane::build_judge()?;
    let mut proofs = shell::cargo(["test", "--profile", "proof", "--locked"]);
    for proof in PROOFS {
        proofs.args(["--package", proof]);
    }
    // Print seeds and counts also when everything passes.
    shell::run(proofs.args(["--", "--nocapture"]))
}

fn run_examples() -> Result<(), Error> {
    let workspace = Workspace::read()?;
    let folder = workspace.target_directory.join("debug/examples");
    for package in USED_ALONE.iter().filter_map(|name| workspace.package(name)) {
        for example in package.examples() {
            shell::run(&mut Command::new(folder.join(example)))?;
        }
    }
    Ok(())
}

/// Runs the scenarios with the built binary.
///
/// # Errors
///
/// The control plane or the binary cannot be built, or a scenario fails.
pub(crate) fn e2e(on: On, is_release: bool) -> Result<(), Error> {
    match on {
        On::Local => local(is_release),
        On::Node => node::scenarios(is_release),
        On::Kind => kind::scenarios(),
    }
}

fn local(is_release: bool) -> Result<(), Error> {
    packages::ensure(packages::FAKE_CLOCK)?;
    packages::ensure(packages::MAKE)?;
    control_plane::build_all()?;
    let profile: &[&str] = if is_release { &["--release"] } else { &[] };
    let programs = ["-p", "webhook-certs", "-p", "etcd-operator"];
    shell::run(
        shell::cargo(["build", "--locked", "--bins"])
            .args(programs)
            .args(profile),
    )?;
    shell::run(shell::cargo(["test", "--locked", "-p", "scenarios"]).args(profile))
}
