//! Clocks that lie: bounds that do not contain the time of those who verify.

use crate::{
    chance::Chance,
    script::{DAY, Event, Run, START, Setup, Timed, YEAR},
};

/// In one life of eight there are some spells of it; each ends with everybody told the truth again.
pub(crate) fn lies(setup: &Setup, end: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    if !chance.one_in(8) {
        return;
    }
    for _ in 0..chance.between(1, 4) {
        let mut at = chance.between(START + DAY, end - YEAR);
        let kind = chance.below(6);
        for _ in 0..chance.between(1, 8) {
            let controller = chance.index(setup.controllers.len());
            let lie = lie(kind, at, chance);
            let run = Run {
                lie: Some(lie),
                rounds: 16,
                ..Run::clean(controller, (0, 0))
            };
            events.push(Timed {
                at,
                event: Event::Run(run),
            });
            at += chance.pick(&[1, 60, DAY, 10 * DAY]);
        }
        for controller in 0..setup.controllers.len() {
            let run = Run::clean(controller, setup.bounds(chance));
            events.push(Timed {
                at: at + 120,
                event: Event::Run(run),
            });
        }
    }
}

fn lie(kind: u64, at: i64, chance: &mut Chance) -> (i64, i64) {
    let any = |chance: &mut Chance| chance.between(i64::MIN, i64::MAX);
    match kind {
        // Ten years off, either way.
        0 => {
            let shift = chance.pick(&[-10 * YEAR, 10 * YEAR]);
            (at + shift, at + shift)
        }
        // Anything at all.
        1 => (any(chance), any(chance)),
        // The ends of what there is.
        2 => {
            let ends = [i64::MIN, i64::MAX, at];
            (chance.pick(&ends), chance.pick(&ends))
        }
        // It stands still where the life began.
        3 => (START, START + 1),
        // A few months off, wide or narrow.
        4 => {
            let shift = chance.between(-YEAR, YEAR);
            (at + shift, at + shift + chance.between(0, YEAR))
        }
        // Around the first and last times that a certificate can carry.
        _ => {
            let edge = chance.pick(&[-631_152_000, 253_402_300_799, 0]);
            let near = edge + chance.between(-2, 2);
            (near, near + chance.pick(&[0, 1, DAY]))
        }
    }
}
