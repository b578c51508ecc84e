//! `cargo xtask fuzz`: searches for bytes that break what must hold for any bytes.
//!
//! Needs a nightly toolchain and `cargo-fuzz`. Writes what a run finds to `target/fuzz`; only reads the corpus in the
//! repository.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{error::Error, shell};

/// The targets of `fuzz/Cargo.toml`.
const TARGETS: &[&str] = &["bundle", "certificate", "key", "object", "plan", "record"];

/// What libFuzzer prints before the path of an input that breaks something. Any other failure is not a finding.
const FOUND: &str = "Test unit written to";

/// Runs one target, or all, for some seconds each, and prints the outcome.
///
/// # Errors
///
/// [`Error::Crashed`] if a target found something; or the tools are missing.
pub(crate) fn fuzz(only: Option<&str>, seconds: u64) -> Result<(), Error> {
    if let Some(name) = only.filter(|name| !TARGETS.contains(name)) {
        return Err(Error::NoSuchTarget {
            name: name.to_owned(),
            targets: TARGETS.join(", "),
        });
    }
    let chosen = TARGETS
        .iter()
        .filter(|name| only.is_none_or(|only| **name == only));
    let mut crashed = Vec::new();
    shell::result("target       seconds  executions  coverage  features  crashes");
    for name in chosen {
        let run = run(name, seconds)?;
        let Run {
            executions,
            coverage,
            features,
            crashed: has_crashed,
        } = &run;
        shell::result(format!(
            "{name:12} {seconds:7}  {executions:>10}  {coverage:>8}  {features:>8}  {}",
            u8::from(*has_crashed)
        ));
        if *has_crashed {
            crashed.push((*name).to_owned());
        }
    }
    if crashed.is_empty() {
        Ok(())
    } else {
        Err(Error::Crashed { targets: crashed })
    }
}

/// The figures that libFuzzer prints at the end.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    executions: String,
    coverage: String,
    features: String,
    crashed: bool,
}

fn run(target: &str, seconds: u64) -> Result<Run, Error> {
    let kept = folder().join(target);
    fs::create_dir_all(&kept).map_err(Error::file(&kept))?;
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo", "fuzz", "run", target])
        .arg(&kept)
        .arg(format!("fuzz/corpus/{target}"))
        .args(["--", "-print_final_stats=1", "-timeout=20"])
        .args(dictionary(target))
        .arg(format!("-max_total_time={seconds}"))
        .current_dir(shell::root())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    shell::progress(&format!("{target}: {seconds} s"));
    let output = command
        .output()
        .map_err(|source| shell::not_started(&command, source))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let log = folder().join(format!("{target}.log"));
    fs::write(&log, said.as_bytes()).map_err(Error::file(&log))?;
    let has_failed = !output.status.success();
    if has_failed && !said.contains(FOUND) {
        said.lines().for_each(shell::progress);
        return Err(shell::failed(&command));
    }
    let run = Run::read(&said, has_failed);
    if run.crashed {
        // The last lines say how to run the input again.
        let lines: Vec<_> = said.lines().rev().take(25).collect();
        lines.iter().rev().for_each(|line| shell::progress(line));
        shell::progress(&format!("all of it is in {}", log.display()));
    }
    Ok(run)
}

/// Returns the target's dictionary, if any: a fuzzer does not guess the keywords of JSON and PEM.
fn dictionary(target: &str) -> Option<String> {
    let path = format!("fuzz/dictionaries/{target}");
    shell::root()
        .join(&path)
        .exists()
        .then(|| format!("-dict={path}"))
}

fn folder() -> PathBuf {
    shell::root().join("target/fuzz")
}

impl Run {
    /// The last status line is `#N DONE cov: C ft: F …`.
    fn read(said: &str, crashed: bool) -> Self {
        let after = |line: &str, word: &str| {
            let mut words = line.split_whitespace().skip_while(|it| *it != word).skip(1);
            words.next().unwrap_or_default().to_owned()
        };
        let status = said.lines().rfind(|line| line.contains(" cov: "));
        let status = status.unwrap_or_default();
        let count = said
            .lines()
            .find(|line| line.starts_with("stat::number_of_executed_units:"));
        Self {
            executions: after(count.unwrap_or_default(), "stat::number_of_executed_units:"),
            coverage: after(status, "cov:"),
            features: after(status, "ft:"),
            crashed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_read_from_the_last_status() {
        let said = "#2 INITED cov: 10 ft: 20 corp: 1/1b\n#9 DONE cov: 11 ft: 22 corp: 2/9b exec/s: 3\nstat::number_of_executed_units: 9\n";
        let run = Run {
            executions: "9".to_owned(),
            coverage: "11".to_owned(),
            features: "22".to_owned(),
            crashed: false,
        };
        assert_eq!(Run::read(said, false), run);
    }
}
