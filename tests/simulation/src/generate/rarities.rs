//! What others do in a life: each kind of it in some lives, at random moments.

use crate::{
    chance::Chance,
    generate::rules::rules,
    script::{DAY, Event, Run, START, Setup, Timed, YEAR},
};

/// One kind of interference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Revert,
    Spoil,
    Replace,
    Recreate,
    Fight,
    ForbidTarget,
    ForbidServing,
    Rules,
    Names,
    Targets,
    LoseAuthority,
    RestoreAuthority,
    GarbleAuthority,
    SpoilServing,
}

const KINDS: [Kind; 14] = [
    Kind::Revert,
    Kind::Spoil,
    Kind::Replace,
    Kind::Recreate,
    Kind::Fight,
    Kind::ForbidTarget,
    Kind::ForbidServing,
    Kind::Rules,
    Kind::Names,
    Kind::Targets,
    Kind::LoseAuthority,
    Kind::RestoreAuthority,
    Kind::GarbleAuthority,
    Kind::SpoilServing,
];

/// None to three kinds, each a few times.
pub(crate) fn rarities(setup: &Setup, end: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    for _ in 0..chance.index(4) {
        let kind = chance.pick(&KINDS);
        let times = match kind {
            Kind::Fight | Kind::ForbidTarget | Kind::ForbidServing => 1,
            Kind::LoseAuthority | Kind::RestoreAuthority | Kind::GarbleAuthority => {
                chance.between(1, 3)
            }
            _ => chance.between(1, 12),
        };
        for _ in 0..times {
            // What lasts to the end of a life need not fill it.
            let first = match kind {
                Kind::Fight | Kind::ForbidServing => end - 4 * YEAR,
                _ => START + DAY,
            };
            let at = chance.between(first, end - YEAR);
            happen(kind, setup, at, chance, events);
        }
    }
}

#[expect(clippy::too_many_lines, reason = "a few lines for each kind of event")]
fn happen(kind: Kind, setup: &Setup, at: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    let is_aimed = chance.one_in(2);
    let mut push = |at, event| events.push(Timed { at, event });
    // Half of what should not matter in mid-rotation waits for one.
    let aimed = |event| {
        if is_aimed {
            Event::InMidRotation(Box::new(event))
        } else {
            event
        }
    };
    let target = chance.index(setup.targets.len());
    let installation = chance.index(setup.installations.len());
    let record = chance.index(2);
    let back = earlier(chance);
    match kind {
        Kind::Revert => push(at, aimed(Event::Revert { target, back })),
        Kind::Spoil => {
            let garbage = chance.one_in(2);
            push(at, Event::Spoil { target, garbage });
        }
        Kind::Replace => push(at, Event::Replace { target }),
        Kind::Recreate => {
            let back = chance.one_in(2).then_some(back);
            let create = Event::Create { target, back };
            push(at, aimed(Event::Delete { target }));
            match (is_aimed, chance.pick(&[0, 1, DAY, 100 * DAY])) {
                // In the same moment, or when the rotation is most likely over.
                (true, 0 | 1) => push(at, aimed(create)),
                (true, _) => push(at + 2 * YEAR, create),
                (false, later) => push(at + later, create),
            }
        }
        Kind::Fight => {
            push(at, Event::Fight { target, back });
            for turn in 0..60 {
                push(
                    at + 20 * turn,
                    Event::Run(Run::clean(0, setup.bounds(chance))),
                );
            }
        }
        Kind::ForbidTarget => push(at, Event::ForbidTarget { target }),
        Kind::ForbidServing => push(
            at,
            Event::ForbidServing {
                installation,
                record,
            },
        ),
        Kind::Rules => {
            let rules = rules(chance);
            let event = Event::Rules {
                installation,
                rules,
            };
            push(at, aimed(event));
        }
        Kind::Names => {
            let controller = chance.index(setup.controllers.len());
            let extra = chance.below(4).checked_sub(1);
            let extra = extra.map(|extra| u8::try_from(extra).expect("fits"));
            push(at, aimed(Event::Names { controller, extra }));
        }
        Kind::Targets => {
            let event = if chance.one_in(2) {
                Event::Delist {
                    installation,
                    target,
                }
            } else {
                Event::Enlist {
                    installation,
                    target,
                }
            };
            push(at, aimed(event));
        }
        Kind::LoseAuthority => push(at, aimed(Event::LoseAuthority { installation })),
        Kind::RestoreAuthority => {
            push(at, aimed(Event::RestoreAuthority { installation, back }));
        }
        Kind::GarbleAuthority => {
            let how = u8::try_from(chance.below(5)).expect("fits");
            push(at, Event::GarbleAuthority { installation, how });
            let at = at + chance.pick(&[1, DAY, 30 * DAY]);
            push(
                at,
                Event::RestoreAuthority {
                    installation,
                    back: 0,
                },
            );
        }
        Kind::SpoilServing => push(
            at,
            Event::SpoilServing {
                installation,
                record,
                garbage: chance.one_in(2),
            },
        ),
    }
}

/// How many versions back: one of the last, or any that there ever was, since the number is taken modulo how many there are.
fn earlier(chance: &mut Chance) -> usize {
    if chance.one_in(2) {
        chance.index(12)
    } else {
        chance.index(1 << 20)
    }
}
