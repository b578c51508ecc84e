//! `cargo xtask outside`: compiles what the README shows to authors of operators, in a crate outside the workspace.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{error::Error, shell, workspace::Workspace};

const SECTION: &str = "### In an operator";
/// A variable that `.cargo/config.toml` sets for this workspace only.
const OURS_ALONE: &str = "K8S_OPENAPI_ENABLED_VERSION";

/// Checks that the README's program compiles with the README's dependencies, from these sources.
///
/// # Errors
///
/// [`Error::NotInReadme`], or it does not compile.
pub(crate) fn check() -> Result<(), Error> {
    let readme = shell::root().join("README.md");
    let readme = fs::read_to_string(&readme).map_err(Error::file(readme))?;
    let folder = env::temp_dir().join(format!("webhook-certs-outside-{}", std::process::id()));
    let checked = write(&readme, &folder).and_then(|()| compile(&folder));
    let removed = fs::remove_dir_all(&folder).map_err(Error::file(folder));
    checked.and(removed)
}

fn write(readme: &str, folder: &Path) -> Result<(), Error> {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Error::file(path))
    };
    let sources = folder.join("src");
    fs::create_dir_all(&sources).map_err(Error::file(&sources))?;
    file("Cargo.toml", &manifest(readme, &shell::root())?)?;
    file("src/main.rs", block(readme, "rust")?)?;
    // Use the versions that everything else is tested with.
    let lock = shell::root().join("Cargo.lock");
    let to = folder.join("Cargo.lock");
    fs::copy(lock, &to).map(drop).map_err(Error::file(to))
}

fn compile(folder: &Path) -> Result<(), Error> {
    let target: PathBuf = Workspace::read()?.target_directory.join("outside");
    let mut cargo = shell::cargo(["check"]);
    cargo
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .env_remove(OURS_ALONE);
    shell::run(&mut cargo)
}

/// Returns the README's dependencies, with our sources for the version that is not published.
fn manifest(readme: &str, root: &Path) -> Result<String, Error> {
    let dependencies = block(readme, "toml")?;
    let version = concat!(
        "version = \"",
        env!("CARGO_PKG_VERSION_MAJOR"),
        ".",
        env!("CARGO_PKG_VERSION_MINOR"),
        "\""
    );
    let (published, ours) = (
        format!("webhook-certs = {{ {version}"),
        format!(
            "webhook-certs = {{ path = {:?}",
            root.join("webhook-certs").display().to_string()
        ),
    );
    if !dependencies.contains(&published) {
        return Err(Error::NotInReadme { what: published });
    }
    let package = "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n";
    Ok(format!(
        "{package}{}",
        dependencies.replace(&published, &ours)
    ))
}

/// Returns the first block of that language in the section.
fn block<'a>(readme: &'a str, language: &str) -> Result<&'a str, Error> {
    let fence = format!("```{language}\n");
    let section = readme.split_once(SECTION).map(|(_, rest)| rest);
    let section = section.map(|rest| rest.split("\n### ").next().unwrap_or(rest));
    let block = section
        .and_then(|section| section.split_once(&*fence))
        .and_then(|(_, rest)| rest.split_once("```"));
    block
        .map(|(block, _)| block)
        .ok_or_else(|| Error::NotInReadme {
            what: format!("a block of {language} in \"{SECTION}\""),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# A\n\n```rust\nnot this\n```\n\n### In an operator\n\n```toml\n[dependencies]\n\
        webhook-certs = { version = \"0.1\", default-features = false }\n```\n\n```rust\nfn main() {}\n```\n\n### B\n";

    #[test]
    fn the_blocks_of_the_section_are_taken_with_our_sources() {
        assert_eq!(block(README, "rust").unwrap(), "fn main() {}\n");
        let manifest = manifest(README, Path::new("/here")).unwrap();
        let ours = "webhook-certs = { path = \"/here/webhook-certs\", default-features = false }\n";
        assert!(
            manifest.ends_with(&format!("[dependencies]\n{ours}")),
            "{manifest}"
        );
    }

    #[test]
    fn what_is_missing_or_of_another_version_is_named() {
        let error = block(README, "go").unwrap_err().to_string();
        assert!(error.contains("a block of go"), "{error}");
        let other = README.replace("0.1", "0.0");
        let error = manifest(&other, Path::new("/")).unwrap_err().to_string();
        assert!(error.contains("version = \"0.1\""), "{error}");
    }
}
