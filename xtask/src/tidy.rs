//! `cargo xtask tidy`: checks the rules about sources that no compiler checks.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::Error,
    purity::{ARROWS, allowed_in, arrows_of},
    shell, words,
    workspace::{Package, Workspace},
};

/// Names that do not say what is in a module.
const NAMES_THAT_SAY_NOTHING: &[&str] = &["common", "helpers", "misc", "util", "utils"];

/// Reads the whole workspace and prints each breach of a rule.
///
/// # Errors
///
/// [`Error::Untidy`] if there is a breach.
pub(crate) fn tidy() -> Result<(), Error> {
    let workspace = Workspace::read()?;
    let mut breaches = Vec::new();
    for package in &workspace.packages {
        breaches.extend(check_dependencies(package));
        breaches.extend(check_manifest(
            &package.name,
            &read(&package.manifest_path)?,
        ));
        let folder = package
            .manifest_path
            .parent()
            .unwrap_or_else(|| Path::new("."));
        if allowed_in(&package.name).is_some() {
            breaches.extend(check_no_std(
                &package.name,
                &read(&folder.join("src/lib.rs"))?,
            ));
        }
        for path in sources(folder)? {
            let text = read(&path)?;
            breaches.extend(check_source(&path, &text));
            breaches.extend(words::check(of_root(&path), &text));
        }
    }
    for path in texts()? {
        let text = read(&path)?;
        breaches.extend(check_images(&path, &text));
        breaches.extend(words::check(of_root(&path), &text));
    }
    for breach in &breaches {
        shell::progress(&format!("tidy: {breach}"));
    }
    if breaches.is_empty() {
        Ok(())
    } else {
        Err(Error::Untidy {
            breaches: breaches.len(),
        })
    }
}

fn check_dependencies(package: &Package) -> Vec<String> {
    let name = &package.name;
    let Some(arrows) = arrows_of(name) else {
        return vec![format!("{name} stands in no line of xtask/src/purity.rs")];
    };
    let mut breaches = Vec::new();
    for dependency in &package.dependencies {
        let used = dependency.name.as_str();
        if is_member(used) && !arrows.contains(&used) {
            breaches.push(format!("{name} must not depend on {used}"));
        }
        let is_of_the_crate = dependency.kind.as_deref() != Some("dev");
        if is_of_the_crate && allowed_in(name).is_some_and(|allowed| !allowed.contains(&used)) {
            breaches.push(format!(
                "{name} is pure: {used} is not in its list in xtask/src/purity.rs"
            ));
        }
    }
    breaches
}

fn is_member(name: &str) -> bool {
    ARROWS.iter().any(|(member, _)| *member == name)
}

fn check_manifest(name: &str, manifest: &str) -> Option<String> {
    let inherits = manifest.contains("\n[lints]\nworkspace = true\n");
    (!inherits).then(|| format!("{name} does not inherit the lints: [lints] workspace = true"))
}

fn check_no_std(name: &str, lib: &str) -> Option<String> {
    let is_fenced = lib.lines().any(|line| line == "#![no_std]");
    (!is_fenced).then(|| format!("{name} is pure: its lib.rs must say #![no_std]"))
}

fn check_source(path: &Path, text: &str) -> Vec<String> {
    let shown = of_root(path).display();
    let mut breaches = Vec::new();
    if !text.starts_with("//! ") {
        breaches.push(format!(
            "{shown} does not begin with what it is about: //! …"
        ));
    }
    let stem = path.file_stem().unwrap_or_default();
    if NAMES_THAT_SAY_NOTHING.iter().any(|name| stem == *name) {
        breaches.push(format!("{shown}: its name says nothing"));
    }
    breaches
}

/// Finds every Rust file below `folder`, except in cargo's target folders.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
            let path = entry.map_err(Error::file(&folder))?.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Finds each file that names our images, by `git`: only committed files reach users.
fn texts() -> Result<Vec<PathBuf>, Error> {
    let mut list = Command::new("git");
    list.args(["ls-files", "*.yaml", "*.md", "Dockerfile"]);
    let files = shell::read(list.current_dir(shell::root()))?;
    let paths = files.lines().map(|name| shell::root().join(name));
    Ok(paths.filter(|path| path.is_file()).collect())
}

/// Checks that images are named with the version that is built.
fn check_images(path: &Path, text: &str) -> Vec<String> {
    let version = env!("CARGO_PKG_VERSION");
    let words = text.split_whitespace();
    let images = words.filter_map(|word| word.strip_prefix("localhost/")?.split_once(':'));
    let others = images.filter(|(_, tag)| *tag != version);
    others
        .map(|(name, tag)| {
            format!(
                "{}: localhost/{name}:{tag} is built as {name}:{version}",
                path.display()
            )
        })
        .collect()
}

fn of_root(path: &Path) -> &Path {
    path.strip_prefix(shell::root()).unwrap_or(path)
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|(name, kind)| Dependency {
                name: (*name).to_owned(),
                kind: kind.map(str::to_owned),
            })
            .collect();
        Package {
            name: name.to_owned(),
            manifest_path: PathBuf::new(),
            dependencies,
            targets: Vec::new(),
        }
    }

    #[test]
    fn an_arrow_may_only_point_one_way() {
        assert!(check_dependencies(&package("rotator-core", &[("certgen", None)])).is_empty());
        let breaches =
            check_dependencies(&package("webhook-serve", &[("rotator-core", Some("dev"))]));
        assert_eq!(breaches, ["webhook-serve must not depend on rotator-core"]);
    }

    #[test]
    fn an_image_is_asked_for_by_the_version_by_which_it_is_built() {
        let text = format!(
            "image: localhost/ours:{}\nimage: localhost/older:0.0.1\nimage: gcr.io/theirs:1\n",
            env!("CARGO_PKG_VERSION")
        );
        let breaches = check_images(Path::new("server.yaml"), &text);
        let [breach] = breaches.as_slice() else {
            panic!("{breaches:?}");
        };
        assert!(breach.starts_with("server.yaml: localhost/older:0.0.1 is built as"));
    }

    #[test]
    fn a_pure_crate_uses_what_is_listed_and_its_tests_what_they_like() {
        let breaches = check_dependencies(&package(
            "certgen",
            &[("ring", None), ("proptest", Some("dev"))],
        ));
        assert!(breaches.is_empty(), "{breaches:?}");
        let breaches = check_dependencies(&package("certgen", &[("tokio", None)]));
        assert_eq!(
            breaches,
            ["certgen is pure: tokio is not in its list in xtask/src/purity.rs"]
        );
        assert!(check_dependencies(&package("kube-adapter", &[("tokio", None)])).is_empty());
    }

    #[test]
    fn a_new_crate_must_be_placed() {
        assert_eq!(check_dependencies(&package("novelty", &[])).len(), 1);
    }

    #[test]
    fn lints_are_inherited() {
        assert_eq!(
            check_manifest(
                "a",
                "[package]\n\n[lints]\nworkspace = true\n\n[dependencies]\n"
            ),
            None
        );
        assert!(check_manifest("a", "[package]\n\n[dependencies]\n").is_some());
    }

    #[test]
    fn a_pure_crate_is_fenced_in_by_the_compiler() {
        assert_eq!(check_no_std("a", "//! About.\n#![no_std]\n"), None);
        assert!(check_no_std("a", "//! About.\n// #![no_std]\n").is_some());
    }

    #[test]
    fn a_file_says_first_what_it_is_about() {
        assert!(check_source(Path::new("a/src/lane.rs"), "//! Lanes.\nfn f() {}\n").is_empty());
        assert_eq!(
            check_source(Path::new("a/src/lane.rs"), "use a::b;\n").len(),
            1
        );
        assert_eq!(
            check_source(Path::new("a/src/utils.rs"), "//! Things.\n").len(),
            1
        );
    }
}
