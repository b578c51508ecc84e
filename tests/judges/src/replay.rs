//! One case once more, with its files and the command to ask OpenSSL by hand.

use std::{fmt::Write as _, path::Path};

use crate::{
    case::{Case, Matrix},
    error::JudgeError,
    go, openssl, ours, webpki,
};

/// What every judge says to the case, and how to ask again by hand; its files are written into `folder`.
///
/// # Errors
///
/// [`JudgeError`] if there is no such case, or no such judge.
pub fn replay(matrix: &Matrix, number: usize, folder: &Path) -> Result<String, JudgeError> {
    let case = matrix.case(number)?;
    let one: &[&Case] = &[case];
    openssl::write(matrix, case, folder)?;
    let all = [
        ("Go", go::judge(matrix, one)?),
        ("certgen", ours::judge(matrix, one)),
        ("rustls-webpki", webpki::judge(matrix, one)),
        ("openssl", openssl::judge(matrix, one, folder)?),
    ];
    let mut text = format!("{case}\n");
    for (judge, verdicts) in &all {
        for verdict in verdicts {
            let _ = writeln!(text, "    {judge} {verdict}");
        }
    }
    let words = openssl::arguments(matrix, case).join(" ");
    let _ = write!(text, "cd {} && openssl {words}", folder.display());
    Ok(text)
}
