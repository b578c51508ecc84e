//! `cargo xtask mutants`: breaks one thing at a time, and checks that the named tests fail.
//!
//! Each file in `tests/mutants` is a patch. The lines before it that begin with `#` say what it breaks, and `# caught
//! by: PACKAGE::TEST` which tests must fail, one per line.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{error::Error, shell, test::PROOFS};

/// A patch and the tests that must notice it.
struct Mutant {
    name: String,
    patch: PathBuf,
    caught_by: Vec<Catcher>,
}

/// A test by its package and its name, or the end of its name.
struct Catcher {
    package: String,
    test: String,
}

/// Runs every mutant whose name contains `only`.
///
/// # Errors
///
/// [`Error::Survived`] if a test does not notice; [`Error::NoSuchMutant`]; or a patch no longer applies.
pub(crate) fn mutants(only: &str) -> Result<(), Error> {
    let mut mutants = read_all()?;
    mutants.retain(|mutant| mutant.name.contains(only));
    if mutants.is_empty() {
        return Err(Error::NoSuchMutant {
            name: only.to_owned(),
        });
    }
    let mut survived = Vec::new();
    for mutant in &mutants {
        let tree = fresh_tree()?;
        shell::run(&mut git_apply(&tree, &mutant.patch))?;
        for catcher in &mutant.caught_by {
            let verdict = if is_caught(&tree, catcher)? {
                "caught by"
            } else {
                survived.push(mutant.name.clone());
                "NOT CAUGHT by"
            };
            let Catcher { package, test } = catcher;
            shell::result(format!("{}: {verdict} {package}::{test}", mutant.name));
        }
    }
    if survived.is_empty() {
        Ok(())
    } else {
        Err(Error::Survived { mutants: survived })
    }
}

/// Checks that every mutant's patch still applies and names the tests that must catch it. Builds nothing.
///
/// # Errors
///
/// As for [`mutants`].
pub(crate) fn check() -> Result<(), Error> {
    for mutant in read_all()? {
        if mutant.caught_by.is_empty() {
            return Err(Error::NobodyCatches {
                patch: mutant.patch,
            });
        }
        let mut command = Command::new("git");
        command.args(["apply", "--check"]).arg(&mutant.patch);
        shell::run(command.current_dir(shell::root()))?;
    }
    Ok(())
}

/// Runs `cargo-mutants`, which changes the pure crates one piece at a time. Takes hours.
///
/// # Errors
///
/// `cargo-mutants` is not installed, or found a change that no test notices: its report is in
/// `target/mutants/mutants.out`.
pub(crate) fn generated() -> Result<(), Error> {
    let output = folder().display().to_string();
    let mut command = shell::cargo(["mutants", "--output", &output]);
    // A property that fails once has noticed: the smallest failing value does not matter here.
    command.env("PROPTEST_MAX_SHRINK_ITERS", "0");
    shell::run(command.env("PROPTEST_CASES", "64"))
}

fn read_all() -> Result<Vec<Mutant>, Error> {
    let folder = shell::root().join("tests/mutants");
    let mut mutants = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
        let patch = entry.map_err(Error::file(&folder))?.path();
        let text = fs::read_to_string(&patch).map_err(Error::file(&patch))?;
        let stem = patch.file_stem().unwrap_or_default();
        mutants.push(Mutant {
            name: stem.to_string_lossy().into_owned(),
            caught_by: catchers(&text),
            patch,
        });
    }
    mutants.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(mutants)
}

fn catchers(text: &str) -> Vec<Catcher> {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("# caught by: "));
    let named = lines.filter_map(|line| line.trim().split_once("::"));
    named
        .map(|(package, test)| Catcher {
            package: package.to_owned(),
            test: test.to_owned(),
        })
        .collect()
}

fn folder() -> PathBuf {
    shell::root().join("target/mutants")
}

/// Makes a copy of the sources. Leaves unchanged files alone, so that little is built again.
fn fresh_tree() -> Result<PathBuf, Error> {
    let tree = folder().join("tree");
    let mut list = Command::new("git");
    list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let files = shell::read(list.current_dir(shell::root()))?;
    let files: BTreeSet<&str> = files.lines().collect();
    remove_others(&tree, &tree, &files)?;
    for name in files {
        let (from, to) = (shell::root().join(name), tree.join(name));
        let Ok(bytes) = fs::read(&from) else {
            // Deleted, but still in the index.
            continue;
        };
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        let parent = to.parent().unwrap_or(&tree);
        fs::create_dir_all(parent).map_err(Error::file(parent))?;
        fs::write(&to, bytes).map_err(Error::file(&to))?;
    }
    Ok(tree)
}

/// Removes files that no longer exist: cargo would take a renamed one for another test.
fn remove_others(tree: &Path, folder: &Path, files: &BTreeSet<&str>) -> Result<(), Error> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = entry.map_err(Error::file(folder))?.path();
        let name = path.strip_prefix(tree).unwrap_or(&path).to_string_lossy();
        if path.is_dir() {
            remove_others(tree, &path, files)?;
        } else if !files.contains(name.as_ref()) || !shell::root().join(name.as_ref()).exists() {
            fs::remove_file(&path).map_err(Error::file(&path))?;
        }
    }
    Ok(())
}

fn git_apply(tree: &Path, patch: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("apply").arg(patch).current_dir(tree);
    // The copy is inside a repository but not part of it.
    command.env("GIT_CEILING_DIRECTORIES", folder());
    command
}

/// Whether that test fails, and not the build.
fn is_caught(tree: &Path, catcher: &Catcher) -> Result<bool, Error> {
    let mut command = shell::cargo(["test", "--locked", "--package", &catcher.package]);
    if PROOFS.contains(&catcher.package.as_str()) {
        command.args(["--profile", "proof"]);
    }
    command.arg("--no-fail-fast").arg("--").arg(&catcher.test);
    if catcher.package == "scenarios" {
        // These tests run the binaries.
        let bins = [
            "build",
            "--locked",
            "-p",
            "webhook-certs",
            "-p",
            "scenarios",
            "--bins",
        ];
        shell::run(in_tree(&mut shell::cargo(bins), tree))?;
    }
    in_tree(&mut command, tree).stderr(Stdio::inherit());
    let output = command
        .output()
        .map_err(|source| shell::not_started(&command, source))?;
    let shown = String::from_utf8_lossy(&output.stdout);
    Ok(shown.lines().any(|line| {
        line.starts_with("test ") && line.contains(&catcher.test) && line.ends_with("FAILED")
    }))
}

/// Runs cargo on the copy, with a target folder of its own.
fn in_tree<'a>(command: &'a mut Command, tree: &Path) -> &'a mut Command {
    command
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", folder().join("target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_names_who_catches_it() {
        let caught = catchers(
            "# Leaves the crosses out.\n# caught by: model::safe\n# caught by: a::b::c\n--- a/x\n",
        );
        let caught: Vec<_> = caught
            .iter()
            .map(|it| (it.package.as_str(), it.test.as_str()))
            .collect();
        assert_eq!(caught, [("model", "safe"), ("a", "b::c")]);
    }
}
