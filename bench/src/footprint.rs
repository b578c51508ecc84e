//! How large the program is on disk.

use std::{env, fs};

use scenarios::{Failure, megabytes};

use crate::figure::Figures;

/// The size of the binary beside this one.
pub(crate) fn size(figures: &mut Figures) -> Result<(), Failure> {
    let binary = env::current_exe()?.with_file_name("webhook-certs");
    let bytes = fs::metadata(&binary)
        .map_err(|error| format!("{}: {error}; run `cargo xtask bench`", binary.display()))?
        .len();
    figures.report("the binary, stripped", megabytes(bytes), "≤ 12 MB")?;
    Ok(())
}
