//! Any clock value: bounds of any two numbers, others at every step, and the truth at the end.

use std::cell::Cell;

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use crate::{
    generate::bare,
    script::{DAY, Event, Lie, Run, START, Script, Timed, YEAR},
    tally::Tally,
    world::play,
};

fn any_time() -> impl Strategy<Value = i64> {
    let around = |centre: i64, spread: i64| {
        (-spread..=spread).prop_map(move |off| centre.saturating_add(off))
    };
    prop_oneof![
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
        around(START, 2),
        around(START, 20 * YEAR),
        around(START + 10 * YEAR, DAY),
        around(START - 10 * YEAR, DAY),
        // The first and last seconds that a certificate can carry.
        around(-631_152_000, 2),
        around(253_402_300_799, 2),
    ]
}

fn any_lie() -> impl Strategy<Value = Lie> {
    prop_oneof![
        4 => (any_time(), any_time()).prop_map(|(one, other)| Lie::Says(one, other)),
        2 => (-1_i64..=1).prop_map(Lie::Due),
        1 => Just(Lie::Back(0)),
        1 => (1..=2 * YEAR).prop_map(Lie::Back),
    ]
}

/// How often the controller is told another time: a clock that runs backwards tells another at each step.
fn times(lie: Lie, is_one_step_each: bool) -> u64 {
    if matches!(lie, Lie::Back(1..)) && !is_one_step_each {
        u64::from(ROUNDS)
    } else {
        1
    }
}

/// How many steps a run by a clock that lies takes at most.
const ROUNDS: u8 = 16;

/// A controller that is told these bounds, day after day, and then twice the truth.
fn life(lies: &[Lie], is_one_step_each: bool) -> Script {
    let mut events = Vec::new();
    let truth = |day: i64| Timed {
        at: START + day * DAY,
        event: Event::Run(Run::clean(0, (2, 2))),
    };
    let mut day = 0;
    if lies.len().is_multiple_of(2) {
        events.push(truth(day));
    }
    for lie in lies {
        day += 1;
        events.push(Timed {
            at: START + day * DAY,
            event: Event::Run(Run {
                lie: Some(*lie),
                rounds: if is_one_step_each { 1 } else { ROUNDS },
                ..Run::clean(0, (2, 2))
            }),
        });
    }
    events.push(truth(day + 1));
    events.push(truth(day + 2));
    bare(events, START + (day + 3) * DAY)
}

fn writes(tally: &Tally) -> u64 {
    let kinds = [
        "authority records written",
        "leaves issued",
        "bundles published",
    ];
    let counted = kinds.iter().filter_map(|kind| tally.counted.get(kind));
    counted.sum()
}

#[test]
fn any_bounds_cost_few_writes_and_no_key_and_the_truth_mends_all() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let wanted = u64::from(config.cases);
    let played = Cell::new(0);
    let lives = (vec(any_lie(), 1..16), any::<bool>());
    let found = TestRunner::new(config).run(&lives, |(lies, is_one_step_each)| {
        played.set(played.get() + 1);
        let outcome = play(&life(&lies, is_one_step_each));
        prop_assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
        let writes = writes(&outcome.tally);
        let turns = lies
            .iter()
            .map(|lie| times(*lie, is_one_step_each))
            .sum::<u64>()
            + 3;
        prop_assert!(writes <= 10 * turns, "{writes} writes in {turns} turns");
        Ok(())
    });
    #[expect(clippy::print_stdout, reason = "a test tells its figures")]
    {
        // Beyond those that are wanted, a failure is made smaller.
        println!(
            "proved: lives of a controller whose clock says anything, then the truth: {} cases, {} violations",
            wanted.min(played.get()),
            u8::from(found.is_err())
        );
    }
    assert!(found.is_ok(), "{}", found.unwrap_err());
}

/// Nothing starts before the first date that a certificate can carry: there, at the latest, a clock that runs backwards has
/// been answered for the last time.
#[test]
fn a_clock_that_runs_backwards_for_ever_is_answered_until_the_first_date() {
    let written = |days: usize| {
        let outcome = play(&life(&vec![Lie::Back(YEAR / 2); days], false));
        assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
        writes(&outcome.tally)
    };
    // Runs of up to 16 steps, half a year back at each reading, and twice as many runs.
    let (once, twice) = (written(20), written(40));
    assert_eq!(once, twice);
    assert!(once > 100, "{once}");
}
