//! The commands of `SECURITY.md` for an installation that was attacked, and the tests that its tables name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use kube::api::{Patch, PatchParams};
use scenarios::{Failure, TARGET};

use crate::{
    ALONE, Broken, Stage,
    attacker::{Attacker, VALIDATING},
    forgery::{Ca, FOR_EVER},
};

/// What it costs is said there: the roots of other installations, and calls until the repair.
#[tokio::test]
async fn emptying_an_entry_by_the_command_that_is_documented_makes_it_as_new() -> Result<(), Failure>
{
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let new = stage.bundle(&VALIDATING).await?.0;
    let ca = Ca::new("planted", FOR_EVER)?;
    let attacker = Attacker::of(&stage.cluster, VALIDATING).await?;
    attacker
        .writes(&VALIDATING.holding(&(new.clone() + &ca.pem()))?)
        .await?;
    attacker.loses_it().await?;

    let command = command("kubectl patch ")?;
    let words: Vec<&str> = command.split(' ').collect();
    let [kind, name, r#type, "-p", patch] = words[..] else {
        return Err(command.into());
    };
    assert_eq!(
        (kind, name, r#type),
        ("validatingwebhookconfiguration", TARGET, "--type=json")
    );
    let patch = Patch::Json::<()>(serde_json::from_str(patch)?);
    let api = VALIDATING.api(&stage.cluster.admin);
    api.patch(name, &PatchParams::default(), &patch).await?;
    let mut broken = Broken::default();
    let is_as_new = stage
        .soon(async || Ok(stage.bundle(&VALIDATING).await?.0 == new))
        .await?;
    broken.unless(is_as_new, "the entry is not as new");
    let admitted = stage.admits().await?;
    broken.unless(admitted.is_ok(), format!("calls fail: {admitted:?}"));
    broken.judge();
    Ok(())
}

#[test]
fn every_test_that_the_tables_name_is_there() -> Result<(), Failure> {
    let text = security()?;
    let code: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let named: BTreeSet<&str> = code
        .into_iter()
        // Of `program: module::test` the program is a crate or a test program.
        .filter_map(|code| code.rsplit([':', ' ']).next())
        .filter(|name| name.matches('_').count() > 3 && name.chars().all(is_of_a_name))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    let mut sources = String::new();
    for file in sources_below(&root())? {
        sources += &fs::read_to_string(file)?;
    }
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !sources.contains(&format!("fn {name}(")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    Ok(())
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter == '_'
}

/// The rest of the one command in a block of the console that begins so.
pub(crate) fn command(start: &str) -> Result<String, Failure> {
    let text = security()?;
    let start = format!("$ {start}");
    let mut found = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(&start));
    match (found.next(), found.next()) {
        (Some(command), None) => Ok(command.to_owned()),
        found => Err(format!("no one command: {found:?}").into()),
    }
}

fn security() -> std::io::Result<String> {
    fs::read_to_string(root().join("SECURITY.md"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file, except below a folder that cargo builds in.
fn sources_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
            if path.is_dir() {
                if !path.ends_with("target") && !path.file_name().is_some_and(is_hidden) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    Ok(found)
}
