//! Runs the searches and prints what they found: the sample that the tests run, or with `--full` the whole. Any other
//! argument is a part of the names of those to run.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::process::ExitCode;

use model::{Scope, search};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, names): (Vec<_>, Vec<_>) =
        arguments.iter().partition(|argument| *argument == "--full");
    let scopes = if flags.is_empty() {
        Scope::SAMPLE
    } else {
        Scope::FULL
    };
    let is_asked = |scope: &Scope| names.iter().all(|name| scope.name.contains(*name));
    let mut violations = 0_usize;
    for scope in scopes.into_iter().filter(is_asked) {
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
