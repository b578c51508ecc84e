//! The verdict of the command `openssl verify`.

use std::{fs, net::IpAddr, path::Path, process::Command};

use crate::{
    case::{Case, Matrix},
    error::JudgeError,
    pem,
    threads::in_threads,
    verdict::Verdict,
};

const PROGRAM: &str = "openssl";

/// The files that a case is made of, as names in a folder.
const LEAF: &str = "leaf.pem";
const ABOVE: &str = "above.pem";
const BUNDLE: &str = "bundle.pem";

/// What `openssl verify` says to each case, from files in `folder`.
///
/// # Errors
///
/// [`JudgeError`] if the files cannot be written or there is no such command.
pub fn judge(matrix: &Matrix, cases: &[&Case], folder: &Path) -> Result<Vec<Verdict>, JudgeError> {
    for case in cases {
        write(matrix, case, &folder_of(folder, case))?;
    }
    in_threads(cases, |case| {
        judge_one(matrix, case, &folder_of(folder, case))
    })
    .into_iter()
    .collect()
}

/// One folder for each chain with each bundle.
fn folder_of(folder: &Path, case: &Case) -> std::path::PathBuf {
    folder.join(format!("{}-{}", case.chain, case.bundle))
}

/// Writes the files of `case` into `folder`, unless they are there.
///
/// # Errors
///
/// [`JudgeError::File`].
pub fn write(matrix: &Matrix, case: &Case, folder: &Path) -> Result<(), JudgeError> {
    if folder.join(BUNDLE).exists() {
        return Ok(());
    }
    let file = |source| JudgeError::File {
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(file)?;
    let pem: Vec<_> = matrix
        .chain(case)
        .iter()
        .map(|der| pem::certificate(der))
        .collect();
    let (leaf, above) = pem
        .split_first()
        .map_or(("", String::new()), |(leaf, above)| (leaf, above.concat()));
    fs::write(folder.join(LEAF), leaf).map_err(file)?;
    fs::write(folder.join(ABOVE), above).map_err(file)?;
    fs::write(folder.join(BUNDLE), matrix.bundle(case)).map_err(file)
}

/// The words after `openssl` that ask about `case` in the folder of its files.
pub fn arguments(matrix: &Matrix, case: &Case) -> Vec<String> {
    let by = if case.name.parse::<IpAddr>().is_ok() {
        "-verify_ip"
    } else {
        "-verify_hostname"
    };
    let at = case.at.to_string();
    // It refuses an empty file.
    let above: &[&str] = match matrix.chain(case).len() {
        0 | 1 => &[],
        _ => &["-untrusted", ABOVE],
    };
    let before = [
        "verify",
        "-no-CApath",
        "-no-CAstore",
        "-purpose",
        "sslserver",
        "-attime",
        &at,
    ];
    let after = [by, &case.name, "-CAfile", BUNDLE, LEAF];
    let words = before.iter().chain(above).chain(&after);
    words.map(|word| (*word).to_owned()).collect()
}

fn judge_one(matrix: &Matrix, case: &Case, folder: &Path) -> Result<Verdict, JudgeError> {
    let output = Command::new(PROGRAM)
        .args(arguments(matrix, case))
        .current_dir(folder)
        .output()
        .map_err(|source| JudgeError::Talk {
            program: PROGRAM,
            source,
        })?;
    let words = String::from_utf8_lossy(&output.stderr);
    Ok(if output.status.success() {
        Verdict::Accepts
    } else {
        Verdict::Refuses(reason(&words))
    })
}

/// `error 10 at 0 depth lookup: certificate has expired`, or the first line if there is none such.
fn reason(words: &str) -> String {
    let line = words.lines().find(|line| line.starts_with("error "));
    let line = line.or_else(|| words.lines().next()).unwrap_or_default();
    line.split_once("lookup: ")
        .map_or(line, |(_, reason)| reason)
        .to_owned()
}
