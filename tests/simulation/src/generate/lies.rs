//! Clocks that lie: bounds that do not contain the time of those who verify.

use crate::{
    chance::Chance,
    script::{DAY, Event, Lie, Run, START, Setup, Timed, YEAR},
};

/// In one life of eight there are some spells of it; each ends with everybody told the truth again.
pub(crate) fn lies(setup: &Setup, end: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    if !chance.one_in(8) {
        return;
    }
    for _ in 0..chance.between(1, 4) {
        let mut at = chance.between(START + DAY, end - YEAR);
        let kind = chance.below(8);
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

fn lie(kind: u64, at: i64, chance: &mut Chance) -> Lie {
    let any = |chance: &mut Chance| chance.between(i64::MIN, i64::MAX);
    match kind {
        // Ten years off, either way.
        0 => {
            let shift = chance.pick(&[-10 * YEAR, 10 * YEAR]);
            Lie::Says(at + shift, at + shift)
        }
        // Anything at all.
        1 => Lie::Says(any(chance), any(chance)),
        // The ends of what there is.
        2 => {
            let ends = [i64::MIN, i64::MAX, at];
            Lie::Says(chance.pick(&ends), chance.pick(&ends))
        }
        // It stands still where the life began.
        3 => Lie::Says(START, START + 1),
        // A few months off, wide or narrow.
        4 => {
            let shift = chance.between(-YEAR, YEAR);
            Lie::Says(at + shift, at + shift + chance.between(0, YEAR))
        }
        // Around the first and last times that a certificate can carry.
        5 => {
            let edge = chance.pick(&[-631_152_000, 253_402_300_799, 0]);
            let near = edge + chance.between(-2, 2);
            Lie::Says(near, near + chance.pick(&[0, 1, DAY]))
        }
        // From one decision to the next, though none is due.
        6 => Lie::Due(chance.between(-1, 1)),
        // It stands still where it is, or runs backwards.
        _ => Lie::Back(chance.pick(&[0, 1, DAY, YEAR])),
    }
}
