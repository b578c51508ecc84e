//! Simulated lives of twenty years: whatever happens in them, no promise is broken.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and tells its figures"
)]

use std::{collections::hash_map::RandomState, hash::BuildHasher as _};

use simulation::{Tally, Told, campaign, replay, simulate};

/// How many seeds, and which is the first: `SIMULATION_SEEDS=100000 SIMULATION_FIRST=5000`.
fn number(variable: &str, default: u64) -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no command line of its own"
    )]
    let given = std::env::var(variable).ok();
    given.map_or(default, |text| text.parse().unwrap())
}

#[test]
fn no_life_breaks_a_promise() {
    let first = number("SIMULATION_FIRST", 0);
    let seeds = number("SIMULATION_SEEDS", 1000);
    let findings = campaign(first..first + seeds);
    println!("{findings}");
    println!(
        "proved: {} simulated years, {} lives, every caller and replica: {} cases, {} violations",
        findings.tally.years(),
        findings.tally.seeds,
        findings.tally.verified,
        findings.failures.len()
    );
    let least = findings
        .failures
        .first()
        .map(|failure| replay(failure.seed, Told::Least));
    assert!(least.is_none(), "{findings}\n{}", least.unwrap());
    assert!(findings.tally.years() >= 19 * seeds);
    assert!(findings.tally.verified >= 1000 * seeds);
    // Fewer lives need not meet everything.
    if seeds >= 200 {
        meets_everything(&findings.tally);
    }
}

/// Each must happen in some life, or a campaign proves little.
const ADVERSITIES: &[&str] = &[
    "calls answered 403",
    "calls answered 409",
    "calls answered 422, or with something unreadable",
    "calls answered 429",
    "calls answered 500, or not at all",
    "calls that hang after they took place",
    "calls that hang before anything happened",
    "calls whose answer got lost",
    "callers that look never again",
    "controllers whose watches stay cut",
    "replicas that are shown nothing any more",
    "runs by a clock that lies: a second around the next decision",
    "runs by a clock that lies: any bounds",
    "runs by a clock that lies: running backwards",
    "runs by a clock that lies: standing still",
    "lives: bounds wider than 4 s",
    "crashes",
    "lives: somebody else's certificate first",
    "lives: two installations",
    "lives: two versions with different names",
    "serving records unwritable",
    "targets forbidden",
    "targets fought over",
    "lives: nothing but the controllers' own work, no refusal within T - P - L of any bundle allowed",
    "attacks: a CA in ca.crt",
    "attacks: impostors of our roots in ca.crt",
    "attacks: variants of our roots in ca.crt",
    "attacks: large CAs in ca.crt",
    "attacks: a leaf with other names in the serving record",
    "attacks: an ended leaf in the serving record",
    "attacks: garbage in the serving record",
    "attacks: the serving record restored or deleted",
    "attacks: a CA in a target",
    "attacks: impostors of our roots in a target",
    "attacks: variants of our roots in a target",
    "attacks: forty CAs in a target",
    "attacks: large CAs in a target",
    "attacks: a CA in place of ours in a target",
    "attacks: the target emptied or made anew",
    "attacks: the Lease held",
    "attacks: the Lease deleted",
];

fn meets_everything(tally: &Tally) {
    for change in [
        "names changed",
        "policies changed",
        "key algorithms changed",
        "targets added to the configuration",
        "targets taken out of the configuration",
        "targets deleted",
        "targets created",
        "bundles reverted",
        "authority records lost",
        "authority records restored",
    ] {
        let met = tally.in_mid_rotation.get(change);
        assert!(met.is_some(), "in mid-rotation: no {change}\n{tally}");
    }
    for adversity in ADVERSITIES {
        let met = tally.counted.get(adversity);
        assert!(met.is_some_and(|met| *met > 0), "no {adversity}\n{tally}");
    }
}

#[test]
fn a_fresh_life_breaks_no_promise() {
    let seed = RandomState::new().hash_one("seed") >> 16;
    let findings = campaign(seed..seed + 1);
    println!("fresh seed {seed}\n{findings}");
    assert!(
        findings.failures.is_empty(),
        "fresh seed {seed}: {findings}\n{}",
        replay(seed, Told::Least)
    );
}

#[test]
fn the_same_seed_has_the_same_course_whatever_the_keys_are() {
    for seed in 0..12 {
        let (one, other) = (simulate(seed), simulate(seed));
        assert_eq!(one.course, other.course, "seed {seed}");
        assert_eq!(one.tally, other.tally, "seed {seed}");
    }
}
