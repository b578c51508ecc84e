//! Runs the searches and prints what they found: the sample that the tests run, or with `--full` all of them.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::process::ExitCode;

use model::{Scope, search};

fn main() -> ExitCode {
    let is_full = std::env::args().any(|argument| argument == "--full");
    let scopes = if is_full { Scope::FULL } else { Scope::SAMPLE };
    let mut violations = 0_usize;
    for scope in scopes {
        let found = search(scope);
        violations = violations.saturating_add(found.violations.len());
        println!("{found}");
    }
    if violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
