//! `cargo xtask ci`: runs every check that must pass before a change is merged.

use crate::{
    error::Error,
    meanwhile::{Meanwhile, Own, Priority},
    mutants, node, packages, shell, test, tidy,
};

/// Runs every check, the quick ones first.
///
/// # Errors
///
/// The first that fails.
pub(crate) fn ci() -> Result<(), Error> {
    shell::run(&mut shell::cargo(["fmt", "--all", "--check"]))?;
    tidy::tidy()?;
    mutants::check()?;
    // clippy runs build scripts.
    packages::ensure(packages::MAKE)?;
    let own = Own::find()?;
    let in_go = Meanwhile::start(&own, "control-plane", Priority::Low)?;
    shell::run(&mut shell::cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    let mut doc = shell::cargo(["doc", "--workspace", "--no-deps", "--locked"]);
    shell::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    deny()?;
    test::build()?;
    // Uses the time in which scenarios wait for their clocks.
    let proving = Meanwhile::start(&own, "sample", Priority::Lowest)?;
    let outside = Meanwhile::start(&own, "outside", Priority::Lowest)?;
    in_go.join()?;
    let has_node = node::is_possible()?;
    let building = has_node
        .then(|| Meanwhile::start(&own, "node", Priority::Low))
        .transpose()?;
    test::all_but_the_sample()?;
    if let Some(building) = building {
        building.join()?;
        node::scenarios(false)?;
    }
    outside.join()?;
    proving.join()
}

/// Licences, advisories and banned crates, where the tool is installed.
fn deny() -> Result<(), Error> {
    if shell::succeeds(&mut shell::cargo(["deny", "--version"])) {
        shell::run(&mut shell::cargo(["deny", "--all-features", "check"]))
    } else {
        shell::progress("cargo-deny is not installed: licences and banned crates are not checked");
        Ok(())
    }
}
