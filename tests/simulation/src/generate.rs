//! From a seed to a script.

mod rules;
mod trouble;

use std::time::Duration;

use webhook_inject::TargetKind;

use crate::{
    chance::Chance,
    script::{
        ControllerSetup, DAY, Event, Installation, ReplicaSetup, Run, START, Script, Setup, Timed,
        YEAR,
    },
};

const YEARS: i64 = 20;

pub(crate) fn script(seed: u64) -> Script {
    let mut chance = Chance::new(seed);
    let setup = setup(&mut chance);
    let end = START + YEARS * YEAR;
    let mut events = Vec::new();
    runs(&setup, end, &mut chance, &mut events);
    looks(&setup, end, &mut chance, &mut events);
    trouble::faults(&setup, end, &mut chance, &mut events);
    events.sort_by_key(|timed| timed.at);
    Script {
        seed,
        setup,
        events,
        end,
    }
}

fn setup(chance: &mut Chance) -> Setup {
    let installation = Installation {
        rules: rules::rules(chance),
        records: 1,
    };
    Setup {
        installations: vec![installation],
        controllers: vec![
            ControllerSetup {
                installation: 0,
                extra_name: None,
            };
            chance.index(3) + 1
        ],
        targets: (0..chance.between(1, 2))
            .map(|_| chance.pick(&TargetKind::ALL))
            .collect(),
        callers: vec![0, -1, 1],
        replicas: vec![
            ReplicaSetup {
                installation: 0,
                record: 0,
            };
            3
        ],
        margin: 2,
    }
}

/// Somebody works well at least once in a quarter of the time in which a leaf is to be renewed.
fn runs(setup: &Setup, end: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    for (number, installation) in setup.installations.iter().enumerate() {
        let longest = seconds(installation.rules.durations.leaf_renew_before) / 4;
        let mut at = START;
        while at < end {
            let mut run = Run::clean(one_of(setup, number, chance), setup.margin);
            run.slept = !chance.one_in(8);
            events.push(Timed {
                at,
                event: Event::Run(run),
            });
            at += if chance.one_in(8) {
                chance.between(1, 600)
            } else {
                chance.between(600, longest.max(601))
            };
        }
    }
}

/// A controller of this installation.
fn one_of(setup: &Setup, installation: usize, chance: &mut Chance) -> usize {
    let controllers = setup.controllers.iter().enumerate();
    let own: Vec<usize> = controllers
        .filter(|(_, controller)| controller.installation == installation)
        .map(|(index, _)| index)
        .collect();
    chance.pick(&own)
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).expect("fits")
}

/// Each reader has a pace of its own, from minutes to years.
fn looks(setup: &Setup, end: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    let callers = setup.callers.len();
    for reader in 0..callers + setup.replicas.len() {
        let prompt = seconds(setup.installations[0].rules.durations.leaf_renew_before) / 8;
        let pace = if reader == 0 || reader == callers {
            prompt
        } else {
            chance.pick(&[prompt, 30 * DAY, 200 * DAY, 2 * YEAR])
        };
        let mut at = START + chance.between(1, pace);
        while at < end {
            let back = if chance.one_in(3) { chance.index(8) } else { 0 };
            let event = if reader < callers {
                Event::Look {
                    caller: reader,
                    back,
                }
            } else {
                Event::Take {
                    replica: reader - callers,
                    back,
                }
            };
            events.push(Timed { at, event });
            at += chance.between(1, 2 * pace);
        }
    }
}
