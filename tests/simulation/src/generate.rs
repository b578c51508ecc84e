//! From a seed to a script.

mod attacks;
mod lies;
mod rarities;
mod rules;
mod trouble;

use std::{collections::BTreeSet, time::Duration};

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
    rarities::rarities(&setup, end, &mut chance, &mut events);
    runs(&setup, end, &mut chance, &mut events);
    looks(&setup, end, &mut chance, &mut events);
    trouble::faults(&setup, end, &mut chance, &mut events);
    lies::lies(&setup, end, &mut chance, &mut events);
    attacks::attacks(&setup, end, &mut chance.fork(), &mut events);
    trouble::deafen(&setup, end, &mut chance, &mut events);
    events.retain(|timed| timed.at < end);
    events.sort_by_key(|timed| timed.at);
    let is_strict = is_strict(&setup, &events);
    let setup = Setup { is_strict, ..setup };
    Script {
        seed,
        setup,
        events,
        end,
    }
}

/// The plainest cluster, with the default policy, in which this happens.
#[cfg(test)]
pub(crate) fn bare(events: Vec<Timed>, end: i64) -> Script {
    let rules = crate::script::Rules {
        durations: rotator_core::Durations::DEFAULT,
        algorithm: certgen::KeyAlgorithm::Ed25519,
    };
    let setup = Setup {
        installations: vec![Installation {
            rules,
            records: 1,
            unlisted: BTreeSet::new(),
        }],
        controllers: vec![ControllerSetup {
            installation: 0,
            extra_name: None,
        }],
        targets: vec![TargetKind::ValidatingWebhookConfiguration],
        callers: vec![0],
        replicas: vec![ReplicaSetup {
            installation: 0,
            record: 0,
        }],
        width: 4,
        taken_over: None,
        is_strict: false,
    };
    Script {
        seed: 0,
        setup,
        events,
        end,
    }
}

/// Most lives have one installation with one record; some have two of either, some begin with somebody else's certificate.
fn setup(chance: &mut Chance) -> Setup {
    let mut installations: Vec<Installation> = (0..if chance.one_in(8) { 2 } else { 1 })
        .map(|_| Installation {
            rules: rules::rules(chance),
            records: if chance.one_in(8) { 2 } else { 1 },
            unlisted: BTreeSet::new(),
        })
        .collect();
    let targets: Vec<TargetKind> = (0..chance.between(1, 2))
        .map(|_| chance.pick(&TargetKind::ALL))
        .collect();
    let targets = spare(targets, &mut installations, chance);
    let life = seconds(installations[0].rules.durations.ca_lifetime);
    let (width, callers) = clocks(life, chance);
    let mut controllers = Vec::new();
    let mut replicas = Vec::new();
    for (installation, of) in installations.iter().enumerate() {
        let extra_name = chance.one_in(6).then_some(0);
        for number in 0..=chance.index(3) {
            controllers.push(ControllerSetup {
                installation,
                extra_name: extra_name.filter(|_| number > 0),
            });
        }
        let records = (0..of.records).flat_map(|record| [record; 2]);
        replicas.extend(records.map(|record| ReplicaSetup {
            installation,
            record,
        }));
    }
    Setup {
        installations,
        controllers,
        targets,
        callers,
        replicas,
        width,
        taken_over: chance.one_in(8).then(|| chance.between(DAY, 90 * DAY)),
        is_strict: false,
    }
}

/// In some clusters there is one target more, which no flag names at first.
fn spare(
    mut targets: Vec<TargetKind>,
    installations: &mut [Installation],
    chance: &mut Chance,
) -> Vec<TargetKind> {
    if chance.one_in(8) {
        for installation in installations {
            installation.unlisted.insert(targets.len());
        }
        targets.push(chance.pick(&TargetKind::ALL));
    }
    targets
}

/// How wide the bounds are, at most a quarter of a root's life, and three callers' clocks within.
fn clocks(life: i64, chance: &mut Chance) -> (i64, Vec<i64>) {
    if !chance.one_in(4) {
        return (4, vec![0, -1, 1]);
    }
    let width = chance.between(4, life / 4);
    let slow = chance.between(0, width);
    (width, vec![0, -slow, chance.between(0, width - slow)])
}

/// Somebody works well at least once in a quarter of the time in which a leaf is to be renewed.
fn runs(setup: &Setup, end: i64, chance: &mut Chance, events: &mut Vec<Timed>) {
    for (number, installation) in setup.installations.iter().enumerate() {
        let later = events.iter().filter_map(|timed| timed.event.rules());
        let all = later.chain([&installation.rules]);
        let shortest = all.map(|rules| rules.durations.leaf_renew_before).min();
        let longest = seconds(shortest.expect("at least the first")) / 4;
        let mut at = START;
        while at < end {
            let mut run = Run::clean(one_of(setup, number, chance), setup.bounds(chance));
            run.slept = !chance.one_in(20);
            run.aim = chance.one_in(6).then(|| chance.between(-1, 1));
            let met = chance.one_in(10).then(|| one_of(setup, number, chance));
            match met.filter(|other| *other != run.controller) {
                None => events.push(Timed {
                    at,
                    event: Event::Run(run),
                }),
                Some(other) => trouble::meeting(other, &run, at, chance, events),
            }
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

/// Whether nothing happens but the controllers' own work, well or badly done, under one policy.
fn is_strict(setup: &Setup, events: &[Timed]) -> bool {
    let is_ours = |event: &Event| match event {
        Event::Run(run) => run.lie.is_none(),
        Event::Crash { .. } | Event::Drop { .. } | Event::Look { .. } | Event::Take { .. } => true,
        _ => false,
    };
    setup.installations.len() == 1
        && setup.taken_over.is_none()
        && events.iter().all(|timed| is_ours(&timed.event))
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).expect("fits")
}

/// Each reader has a pace of its own, from minutes to years, or looks never again after some moment.
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
        let last = if pace != prompt && chance.one_in(6) {
            // From then on it looks never again.
            chance.between(START, end)
        } else {
            end
        };
        while at < last {
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
