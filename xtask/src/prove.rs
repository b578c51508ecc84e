//! `cargo xtask prove`: checks everything promised that needs no node, and ends with a table. `docs/proof.md` explains
//! each line.
//!
//! A test that counts cases prints a line `proved: WHAT: N cases, M violations`; of any other, the tests are the cases.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{control_plane, error::Error, packages, shell};

/// One line of the table, or several if its tests count cases.
struct Proof {
    check: &'static str,
    /// Arguments for `cargo test`.
    arguments: &'static [&'static str],
    /// Environment variables that ask for more than the sample of `cargo xtask test`.
    variables: &'static [(&'static str, &'static str)],
}

/// All scenarios, not one of each kind.
const WHOLE: (&str, &str) = ("SCENARIOS_ALL", "1");
/// Each scenario ends with a search for keys in everything that its programs logged.
const TRACE: (&str, &str) = ("RUST_LOG", "trace");

const PROOFS: &[Proof] = &[
    Proof {
        check: "any observation, policy and bounds: tests of the decision, with 4,096 draws each",
        arguments: &[
            "--profile",
            "proof",
            "-p",
            "rotator-core",
            "--test",
            "properties",
        ],
        variables: &[("PROPTEST_CASES", "4096")],
    },
    Proof {
        check: "any `Date`s: tests of the bounds of the time, with 4,096 draws each",
        arguments: &[
            "--profile",
            "proof",
            "-p",
            "kube-adapter",
            "--",
            "witness",
            "the_local_clock_has_no_say",
        ],
        variables: &[("PROPTEST_CASES", "4096")],
    },
    Proof {
        check: "any bytes: the corpus of the fuzzers, and bounds of growth",
        arguments: &["--profile", "proof", "-p", "hostile"],
        variables: &[],
    },
    Proof {
        check: "foreign judges: chains, bundles and what is read in damaged ones",
        arguments: &["--profile", "proof", "-p", "judges"],
        variables: &[("JUDGES_ALL", "1")],
    },
    Proof {
        check: "every state of a small cluster",
        arguments: &[
            "--profile",
            "proof",
            "-p",
            "model",
            "--test",
            "exhaustive",
            "--",
            "--test-threads=1",
        ],
        variables: &[("MODEL", "full")],
    },
    Proof {
        check: "simulated lives of twenty years",
        arguments: &["--profile", "proof", "-p", "simulation"],
        variables: &[("SIMULATION_SEEDS", "4000"), ("PROPTEST_CASES", "4096")],
    },
    Proof {
        check: "wrong clocks on a real control plane, under load",
        arguments: &["-p", "scenarios", "--test", "scenarios", "clocks::"],
        variables: &[WHOLE, TRACE],
    },
    Proof {
        check: "secrets stay secret, at trace level",
        arguments: &["-p", "scenarios", "--test", "secrets"],
        variables: &[WHOLE, TRACE],
    },
    Proof {
        check: "attackers with one permission each, on a real control plane",
        arguments: &["-p", "scenarios", "--test", "trust"],
        variables: &[WHOLE, TRACE],
    },
    Proof {
        check: "faults on a real control plane, under load",
        arguments: &["-p", "scenarios", "--test", "faults"],
        variables: &[WHOLE, TRACE],
    },
    Proof {
        check: "the server under siege, within the memory that is shipped",
        arguments: &["-p", "siege", "--test", "sample"],
        variables: &[WHOLE],
    },
    Proof {
        check: "every scenario that does not read the log as users do, at trace level, too",
        arguments: &[
            "-p",
            "scenarios",
            "--test",
            "etcd_operator",
            "--test",
            "scenarios",
            "--",
            "--skip",
            "clocks::",
            // It counts a word in the log that is in every URL at that level.
            "--skip",
            "without_the_right_to_write_events",
        ],
        variables: &[WHOLE, TRACE],
    },
];

/// A line of the table, with figures.
struct Shown {
    check: String,
    cases: u64,
    violations: u64,
    took: Option<Duration>,
}

/// Runs in full every proof whose name contains `only`, and prints the table, even if one fails.
///
/// # Errors
///
/// [`Error::Disproved`], or something cannot be built.
pub(crate) fn prove(only: &str) -> Result<(), Error> {
    let proofs: Vec<_> = (PROOFS.iter())
        .filter(|proof| proof.check.contains(only))
        .collect();
    if proofs.is_empty() {
        return Err(Error::NoSuchProof {
            name: only.to_owned(),
        });
    }
    packages::ensure(packages::FAKE_CLOCK)?;
    packages::ensure(packages::MAKE)?;
    control_plane::build_all()?;
    // The scenarios run these programs.
    let programs = [
        "build",
        "--locked",
        "-p",
        "webhook-certs",
        "-p",
        "scenarios",
        "-p",
        "siege",
        "-p",
        "etcd-operator",
    ];
    shell::run(shell::cargo(programs).arg("--bins"))?;
    let mut table = Vec::new();
    let mut failed = Vec::new();
    for proof in proofs {
        let (shown, has_succeeded) = run(proof)?;
        if !has_succeeded || is_empty(&shown) {
            failed.push(proof.check.to_owned());
        }
        table.extend(shown);
    }
    shell::result("\n| check | cases | violations | seconds |\n|---|---:|---:|---:|");
    for shown in table {
        let Shown {
            check,
            cases,
            violations,
            took,
        } = shown;
        let took = took.map_or_else(String::new, |took| took.as_secs().to_string());
        shell::result(format!("| {check} | {cases} | {violations} | {took} |"));
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Error::Disproved { checks: failed })
    }
}

/// Whether a line has no case: a test that was renamed proves nothing.
fn is_empty(shown: &[Shown]) -> bool {
    shown.iter().any(|shown| shown.cases == 0)
}

fn run(proof: &Proof) -> Result<(Vec<Shown>, bool), Error> {
    let mut command = shell::cargo(["test", "--locked"]);
    command.args(proof.arguments);
    // Tests print their counts while they run.
    let is_split = proof.arguments.contains(&"--");
    command.args(if is_split { None } else { Some("--") });
    command
        .arg("--nocapture")
        .envs(proof.variables.iter().copied());
    shell::progress(&format!("$ {}", proof.check));
    #[expect(clippy::disallowed_methods, reason = "how long it took is a result")]
    let began = Instant::now();
    let (lines, has_succeeded) = watch(&mut command)?;
    let took = began.elapsed();

    let mut shown: Vec<Shown> = lines.iter().filter_map(|line| counted(line)).collect();
    let (passed, failed) = (lines.iter().map(|line| results(line)))
        .fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1));
    // A test that fails before it counts must appear in the table.
    if shown.is_empty() || failed > 0 {
        shown.push(Shown {
            check: proof.check.to_owned(),
            cases: passed + failed,
            violations: failed,
            took: None,
        });
    }
    if let Some(first) = shown.first_mut() {
        first.took = Some(took);
    }
    Ok((shown, has_succeeded))
}

/// Runs the command, shows its output, and returns it.
fn watch(command: &mut Command) -> Result<(Vec<String>, bool), Error> {
    command.stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|source| shell::not_started(command, source))?;
    let mut lines = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            shell::progress(&line);
            lines.push(line);
        }
    }
    let status = child
        .wait()
        .map_err(|source| shell::not_started(command, source))?;
    Ok((lines, status.success()))
}

/// Parses `proved: WHAT: N cases, M violations`.
fn counted(line: &str) -> Option<Shown> {
    let (_, rest) = line.split_once("proved: ")?;
    let (check, counts) = rest.rsplit_once(": ")?;
    let (cases, violations) = counts.split_once(" cases, ")?;
    Some(Shown {
        check: check.to_owned(),
        cases: cases.trim().parse().ok()?,
        violations: violations
            .trim()
            .strip_suffix(" violations")?
            .parse()
            .ok()?,
        took: None,
    })
}

/// Parses how many tests passed and failed, if this line says so.
fn results(line: &str) -> (u64, u64) {
    let count = |word: &str| {
        let before = line.split(word).next()?;
        before.split_whitespace().next_back()?.parse().ok()
    };
    if line.starts_with("test result: ") {
        (
            count(" passed;").unwrap_or(0),
            count(" failed;").unwrap_or(0),
        )
    } else {
        (0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_counts_is_read() {
        let shown =
            counted("proved: callers: every bundle × every chain: 1200 cases, 0 violations")
                .unwrap();
        assert_eq!(shown.check, "callers: every bundle × every chain");
        assert_eq!((shown.cases, shown.violations), (1200, 0));
        assert!(counted("test result: ok. 3 passed; 0 failed;").is_none());
    }

    #[test]
    fn what_ran_no_case_is_no_proof() {
        let shown = |cases| counted(&format!("proved: callers: {cases} cases, 0 violations"));
        let some: Vec<_> = shown(1).into_iter().collect();
        let none: Vec<_> = [shown(1), shown(0)].into_iter().flatten().collect();
        assert_eq!((is_empty(&some), is_empty(&none)), (false, true));
    }

    #[test]
    fn tests_that_do_not_count_are_counted() {
        let line = "test result: FAILED. 24 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9 s";
        assert_eq!(results(line), (24, 1));
        assert_eq!(results("running 24 tests"), (0, 0));
    }
}
