//! Somebody hostile with one right: on one serving record, one target or the Lease, for a while.

use crate::{
    chance::Chance,
    script::{Attack, DAY, Event, START, ServingAttack, Setup, TargetAttack, Timed, YEAR},
};

/// In a quarter of the lives one right is abused, a few times; each time it is taken away again and the object restored.
pub(crate) fn attacks(setup: &Setup, end: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    if !chance.one_in(4) {
        return;
    }
    let right = chance.below(5);
    for _ in 0..chance.between(1, 3) {
        let at = chance.between(START + DAY, end - YEAR);
        let mut push = |at, attack| {
            let event = Event::Attack(attack);
            events.push(Timed { at, event });
        };
        match right {
            0 | 1 => serving(setup, at, chance, &mut push),
            2 | 3 => target(setup, at, chance, &mut push),
            _ => {
                push(at, Attack::Lease);
                push(at + chance.between(1, 200 * DAY), Attack::LeaseEnds);
            }
        }
    }
}

fn serving(setup: &Setup, at: i64, chance: &mut Chance, push: &mut impl FnMut(i64, Attack)) {
    let installation = chance.index(setup.installations.len());
    let record = chance.index(2);
    let mut last = at;
    for _ in 0..chance.between(1, 6) {
        let how = chance.pick(&ServingAttack::ALL);
        let attack = Attack::Serving {
            installation,
            record,
            how,
        };
        push(last, attack);
        last += chance.pick(&[1, 60, DAY, 5 * DAY]);
    }
    let is_restored = chance.one_in(2);
    let attack = Attack::ServingEnds {
        installation,
        record,
        is_restored,
    };
    push(last, attack);
}

fn target(setup: &Setup, at: i64, chance: &mut Chance, push: &mut impl FnMut(i64, Attack)) {
    let target = chance.index(setup.targets.len());
    let mut last = at;
    for _ in 0..chance.between(1, 6) {
        let how = chance.pick(&TargetAttack::ALL);
        push(last, Attack::Target { target, how });
        last += chance.pick(&[1, 60, DAY, 30 * DAY]);
    }
    let is_anew = chance.one_in(2);
    push(last, Attack::TargetEnds { target, is_anew });
}
