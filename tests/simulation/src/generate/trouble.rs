//! What goes wrong with controllers: calls that fail, hang or lose their answer, crashes, deaf watches, two at a time.

use crate::{
    chance::Chance,
    fate::Fate,
    script::{DAY, Event, Run, Setup, Timed, YEAR},
};

/// Beside the runs that go well, there are as many again in which something is wrong.
pub(crate) fn faults(setup: &Setup, end: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    let pace = chance.pick(&[0, 20 * DAY, 40 * DAY, 120 * DAY, YEAR]);
    if pace == 0 {
        return;
    }
    let moments: Vec<i64> = events
        .iter()
        .filter(|timed| matches!(timed.event, Event::Run(_)))
        .map(|timed| timed.at)
        .collect();
    let mut at = crate::script::START + chance.between(0, pace);
    while at < end {
        // Next to a run that goes well is where two controllers meet.
        let next = moments.partition_point(|moment| *moment < at);
        let beside = moments.get(next).filter(|_| chance.one_in(2));
        let at_last = beside.map_or(at, |moment| moment + chance.between(-1, 1));
        fault(setup, at_last, chance, events);
        at += chance.between(1, 2 * pace);
    }
}

/// Another controller stops in the middle of the same step, perhaps between a read and its write, and goes on afterwards.
pub(crate) fn meeting(
    other: usize,
    run: &Run,
    at: i64,
    chance: &mut Chance,
    events: &mut Vec<Timed>,
) {
    let call = u8::try_from(chance.between(2, 8)).expect("fits");
    let fate = chance.pick(&[Fate::HangsBefore, Fate::HangsAfter]);
    let first = Run {
        controller: other,
        fates: vec![(call, fate)],
        ..run.clone()
    };
    let second = Run {
        aim: None,
        ..run.clone()
    };
    let last = Run {
        controller: other,
        ..second.clone()
    };
    for run in [first, second, last] {
        events.push(Timed {
            at,
            event: Event::Run(run),
        });
    }
}

fn fault(setup: &Setup, mut at: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    let controller = chance.index(setup.controllers.len());
    let mut push = |at, event| events.push(Timed { at, event });
    if chance.one_in(12) {
        push(at, Event::Crash { controller });
    }
    let run = troubled(controller, setup, chance);
    let hangs = run
        .fates
        .iter()
        .any(|(_, fate)| matches!(fate, Fate::HangsBefore | Fate::HangsAfter));
    push(at, Event::Run(run.clone()));
    if !hangs {
        return;
    }
    // What hangs goes on later, perhaps much later, or never; others work in the meantime.
    for _ in 0..chance.index(3) {
        let other = chance.index(setup.controllers.len());
        if other != controller {
            push(at, Event::Run(Run::clean(other, setup.bounds(chance))));
        }
    }
    at += chance.pick(&[0, 1, 60, DAY, 30 * DAY]);
    match chance.below(4) {
        0 => push(at, Event::Crash { controller }),
        1 => push(at, Event::Drop { controller }),
        _ => push(
            at,
            Event::Run(Run {
                fates: Vec::new(),
                ..run
            }),
        ),
    }
}

fn troubled(controller: usize, setup: &Setup, chance: &mut Chance) -> Run {
    let fates = (0..chance.index(4)).map(|_| {
        let call = u8::try_from(chance.index(10)).expect("fits");
        (call, chance.pick(&Fate::ALL))
    });
    Run {
        fates: fates.collect(),
        rounds: u8::try_from(chance.between(1, 6)).expect("fits"),
        hears: !chance.one_in(3),
        slept: chance.one_in(2),
        stands_by: chance.one_in(4),
        ..Run::clean(controller, setup.bounds(chance))
    }
}

/// In some lives the watches of one of several controllers are cut, and tell it nothing more until its process ends.
pub(crate) fn deafen(setup: &Setup, end: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    let controller = chance.index(setup.controllers.len());
    let installation = setup.controllers[controller].installation;
    let others = setup.controllers.iter().enumerate();
    let others: Vec<usize> = others
        .filter(|(other, setup)| *other != controller && setup.installation == installation)
        .map(|(other, _)| other)
        .collect();
    if others.is_empty() || !chance.one_in(3) {
        return;
    }
    let since = chance.between(crate::script::START + DAY, end);
    let mut instead = Vec::new();
    for timed in events.iter_mut().filter(|timed| timed.at >= since) {
        if let Event::Run(run) = &mut timed.event
            && run.controller == controller
        {
            if run.is_clean() {
                // Somebody else works well in its place.
                let other = Run {
                    controller: chance.pick(&others),
                    ..run.clone()
                };
                instead.push(Timed {
                    at: timed.at,
                    event: Event::Run(other),
                });
            }
            run.hears = false;
        }
    }
    events.extend(instead);
}
