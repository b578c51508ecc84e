//! Any clock value: bounds of any two numbers, others at every step, and the truth at the end.

use proptest::{collection::vec, prelude::*};

use crate::{
    generate::bare,
    script::{DAY, Event, Run, START, Script, Timed, YEAR},
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

/// A controller that is told these bounds, day after day, and then twice the truth.
fn life(lies: &[(i64, i64)], is_one_step_each: bool) -> Script {
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
                rounds: if is_one_step_each { 1 } else { 16 },
                ..Run::clean(0, (2, 2))
            }),
        });
    }
    events.push(truth(day + 1));
    events.push(truth(day + 2));
    bare(events, START + (day + 3) * DAY)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bounds_cost_few_writes_and_no_key_and_the_truth_mends_all(
        lies in vec((any_time(), any_time()), 1..16),
        is_one_step_each in any::<bool>(),
    ) {
        let outcome = play(&life(&lies, is_one_step_each));
        prop_assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
        let counted = |what| outcome.tally.counted.get(what).copied().unwrap_or_default();
        let writes = counted("authority records written") + counted("leaves issued") + counted("bundles published");
        let turns = u64::try_from(lies.len()).unwrap() + 3;
        prop_assert!(writes <= 10 * turns, "{writes} writes in {turns} turns");
    }
}
