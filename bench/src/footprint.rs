//! How large the program is on disk, and sizes as people write them.

use std::{env, fs};

use scenarios::Failure;

use crate::figure::Figures;

/// The size of the binary beside this one.
pub(crate) fn size(figures: &mut Figures) -> Result<(), Failure> {
    let binary = env::current_exe()?.with_file_name("webhook-certs");
    let bytes = fs::metadata(&binary)
        .map_err(|error| format!("{}: {error}; run `cargo xtask bench`", binary.display()))?
        .len();
    figures.report("the binary, stripped", mebibytes(bytes), "≤ 12 MB")?;
    Ok(())
}

/// As people write it.
pub(crate) fn mebibytes(bytes: u64) -> String {
    let tenths = bytes / (1_048_576 / 10);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}
