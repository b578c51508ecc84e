//! Histories of an installation without certificates: what `plan` asks for, whatever happens in between.

use std::{collections::BTreeMap, time::Duration};

use arbitrary::{Arbitrary, Unstructured};
use certgen::{KeyAlgorithm, UnixTime};
use rotator_core::{Durations, Lane, Policy, TimeBounds};

use crate::world::World;

/// Any list of events is a history. After each, every lane is decided and no action breaks an invariant; at the end, the
/// installation settles after few actions in each lane.
pub fn plan(bytes: &[u8]) {
    let Ok(history) = History::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let mut world = World::new(policy(history.policy), PRESENT);
    for event in history.events.iter().take(LONGEST) {
        event.happen(&mut world);
        world.check();
    }
    world.repair();
    let mut actions: BTreeMap<Lane, usize> = BTreeMap::new();
    for _ in 0..PASSES {
        let acted = world.pass();
        if acted.is_empty() {
            return;
        }
        for lane in acted {
            let count = actions.entry(lane).or_default();
            *count += 1;
            assert!(*count <= MOST, "{actions:?}");
        }
    }
    panic!("it never settles: {actions:?}");
}

/// The present of most histories.
const PRESENT: i64 = 1_800_000_000;
/// As many events as a history has at most.
const LONGEST: usize = 200;
const PASSES: usize = 40;
/// In one lane until it settles. At most: unmark, promote, create, promote, mark, unmark, and forget before and after.
const MOST: usize = 8;

#[derive(Arbitrary, Debug)]
struct History {
    policy: u8,
    events: Vec<Event>,
}

/// One thing that happens; small numbers choose among what there is.
#[derive(Arbitrary, Debug)]
enum Event {
    /// Everything that is asked for is done.
    Pass,
    /// One of the things that are asked for is done.
    Act(u8),
    /// The others of a plan are done, though this came between.
    ActLate(Box<Self>),
    /// Until the plan says to look again.
    Sleep,
    Wait(u16),
    WaitLong(u32),
    /// The clocks say something else.
    Clocks {
        by: i32,
        width: u16,
    },
    /// The clocks say anything at all.
    AnyClocks(i64, i64),
    ReadFails(u8),
    ReadsWork,
    AuthorityIsLost,
    /// The authority record is restored from a backup.
    AuthorityIsRestored(u8),
    LeafIsLost(u8),
    LeafIsForeign {
        record: u8,
        lives: u32,
    },
    /// What verifies the foreign leaf of a record gets into an entry.
    CaGrows {
        record: u8,
        lives: u32,
    },
    Renamed {
        record: u8,
        names: u8,
    },
    TargetComes(u8),
    TargetGoes(u8),
    EntryComes {
        target: u8,
        entry: u8,
    },
    EntryIsBroken {
        target: u8,
        entry: u8,
    },
    EntryGrows {
        target: u8,
        entry: u8,
        lives: u32,
    },
    EntryReverts {
        target: u8,
        entry: u8,
        to: u8,
    },
    Held {
        lane: u8,
        secs: u16,
    },
    Undone {
        target: u8,
        secs: u16,
    },
    Policy(u8),
}

impl Event {
    fn happen(&self, world: &mut World) {
        match self {
            Self::Pass => drop(world.pass()),
            Self::Act(index) => world.act(usize::from(*index)),
            Self::ActLate(event) => {
                let stale = world.clone();
                event.happen(world);
                world.carry_out_all_of(&stale);
            }
            Self::Sleep => world.sleep(),
            Self::Wait(secs) => world.wait(Duration::from_secs(u64::from(*secs))),
            Self::WaitLong(secs) => world.wait(Duration::from_secs(u64::from(*secs))),
            Self::Clocks { by, width } => world.turn(*by, *width),
            Self::AnyClocks(one, other) => {
                let (one, other) = (UnixTime::from_secs(*one), UnixTime::from_secs(*other));
                world.now = TimeBounds::new(one, other);
            }
            Self::ReadFails(lane) => world.read_fails(usize::from(*lane)),
            Self::ReadsWork => world.reads_work(),
            Self::AuthorityIsLost => world.authority = None,
            Self::AuthorityIsRestored(backup) => world.restore(usize::from(*backup)),
            Self::LeafIsLost(record) => world.lose_leaf(usize::from(*record)),
            Self::LeafIsForeign { record, lives } => {
                world.serve_foreign(usize::from(*record), *lives);
            }
            Self::CaGrows { record, lives } => world.trust_foreign(usize::from(*record), *lives),
            Self::Renamed { record, names } => world.rename(usize::from(*record), *names),
            Self::TargetComes(target) => world.target_comes(usize::from(*target)),
            Self::TargetGoes(target) => world.target_goes(usize::from(*target)),
            Self::EntryComes { target, entry } => world.entry(*target, *entry, |_, _| {}),
            Self::EntryIsBroken { target, entry } => {
                world.entry(*target, *entry, |_, entry| entry.clear());
            }
            Self::EntryGrows {
                target,
                entry,
                lives,
            } => world.entry(*target, *entry, |world, entry| {
                world.stranger(entry, *lives);
            }),
            Self::EntryReverts { target, entry, to } => {
                world.entry(*target, *entry, |world, entry| world.revert(entry, *to));
            }
            Self::Held { lane, secs } => world.hold(usize::from(*lane), u64::from(*secs)),
            Self::Undone { target, secs } => world.undo(*target, u64::from(*secs)),
            Self::Policy(number) => world.policy = policy(*number),
        }
    }
}

/// Lives of seconds, of minutes, of days, with and without much to spare, and the standard one.
fn policy(number: u8) -> Policy {
    let unit = match number / 4 % 3 {
        0 => 1,
        1 => 60,
        _ => 86_400,
    };
    let (renew_after, dwell, leaf, renew_before, spare, allowance) = match number % 4 {
        0 => return Policy::standard(),
        1 => (50, 5, 30, 10, 15, 2),
        2 => (40, 1, 3, 1, 0, 2),
        _ => (100, 29, 59, 58, 1, 19),
    };
    let secs = |count: u64| Duration::from_secs(count * unit);
    let durations = Durations {
        ca_lifetime: secs(renew_after + dwell + leaf + spare),
        ca_renew_after: secs(renew_after),
        dwell: secs(dwell),
        leaf_lifetime: secs(leaf),
        leaf_renew_before: secs(renew_before),
        clock_allowance: secs(allowance),
    };
    Policy::new(durations, KeyAlgorithm::P256).expect("it is consistent")
}
