//! A cluster in which an attacker holds the Lease for longer than a root lives: stand-bys do all, and no call is refused.

use crate::{
    generate::bare,
    script::{Attack, DAY, Event, Run, START, Timed},
    world::World,
};

#[test]
fn whoever_holds_the_lease_costs_no_call() {
    let mut events = Vec::new();
    let mut push = |at, event| events.push(Timed { at, event });
    for day in 0..900 {
        let at = START + day * DAY;
        let run = Run {
            slept: false,
            ..Run::clean(0, (2, 2))
        };
        // Twice, since a stand-by waits for half a minute.
        push(at, Event::Run(run.clone()));
        push(at + 60, Event::Run(run));
        let (caller, replica, back) = (0, 0, 0);
        push(at + 120, Event::Look { caller, back });
        push(at + 120, Event::Take { replica, back });
        if day == 0 {
            push(at + 180, Event::Attack(Attack::Lease));
        }
    }
    let script = bare(events, START + 900 * DAY);
    let mut world = World::new(&script);
    let violation = world.live(&script);
    assert!(violation.is_none(), "{violation:?}");
    assert!(world.judge.writes.promotions >= 2);
    assert!(world.calls.refused.is_empty(), "{:?}", world.calls.refused);
}
