//! How large the program is, on disk and in memory.

use std::{env, fs};

use scenarios::{Failure, Program};

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

/// How much memory a program has resident, in bytes.
pub(crate) fn resident(program: &Program) -> Result<u64, Failure> {
    // proc(5): "VmRSS:     12345 kB".
    let status = fs::read_to_string(format!("/proc/{}/status", program.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .ok_or("no VmRSS in the status of the process")?;
    Ok(kibibytes.parse::<u64>()? * 1024)
}

/// As people write it.
pub(crate) fn mebibytes(bytes: u64) -> String {
    let tenths = bytes / (1_048_576 / 10);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}
