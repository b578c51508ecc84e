//! What happens in one simulated life, as data: a script can be printed, cut down and played again.
//!
//! Events name what they concern by numbers that are taken modulo what there is, so that a script stays playable whatever is
//! cut out of it.

use std::collections::BTreeSet;

use certgen::KeyAlgorithm;
use rotator_core::Durations;
use webhook_inject::TargetKind;

use crate::{chance::Chance, fate::Fate};

/// Points in time are seconds, as in certificates.
pub(crate) const START: i64 = 1_800_000_000;
pub(crate) const DAY: i64 = 86_400;
pub(crate) const YEAR: i64 = 365 * DAY;

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) setup: Setup,
    pub(crate) events: Vec<Timed>,
    pub(crate) end: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) installations: Vec<Installation>,
    pub(crate) controllers: Vec<ControllerSetup>,
    pub(crate) targets: Vec<TargetKind>,
    /// How far each caller's clock is from the true time.
    pub(crate) callers: Vec<i64>,
    pub(crate) replicas: Vec<ReplicaSetup>,
    /// How wide the bounds are at most; every caller's clock lies within.
    pub(crate) width: i64,
    /// Somebody else's certificate is served when it begins, for so many seconds more.
    pub(crate) taken_over: Option<i64>,
    /// No caller may be refused that saw a bundle of the last T - P - L: nothing but the controllers' own work happens.
    pub(crate) is_strict: bool,
}

/// One authority with its serving records.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) rules: Rules,
    pub(crate) records: usize,
    /// The targets that its flags do not name.
    pub(crate) unlisted: BTreeSet<usize>,
}

/// What an installation's flags say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) durations: Durations,
    pub(crate) algorithm: KeyAlgorithm,
}

#[derive(Clone, Debug)]
pub(crate) struct ControllerSetup {
    pub(crate) installation: usize,
    /// The version of the program wants one more name than the others.
    pub(crate) extra_name: Option<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct ReplicaSetup {
    pub(crate) installation: usize,
    pub(crate) record: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) at: i64,
    pub(crate) event: Event,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A controller takes some steps, until it has nothing to do.
    Run(Run),
    /// A controller's process ends, wherever it is, and a new one begins.
    Crash {
        controller: usize,
    },
    /// A controller's step is dropped where it waits; the process lives on.
    Drop {
        controller: usize,
    },
    /// A caller looks at every target: as it stands (0), or at one of the versions between the last look and now.
    Look {
        caller: usize,
        back: usize,
    },
    /// A replica is shown its serving record: as it stands (0), or an earlier version that it has not seen.
    Take {
        replica: usize,
        back: usize,
    },
    /// A tool writes an earlier version's bundles back.
    Revert {
        target: usize,
        back: usize,
    },
    /// Somebody empties the bundles of a target, or writes something that is no certificate.
    Spoil {
        target: usize,
        garbage: bool,
    },
    /// Somebody writes a CA of his own into a target, in place of ours.
    Replace {
        target: usize,
    },
    Delete {
        target: usize,
    },
    /// A target is made, or made anew: without a bundle, or with an earlier version's.
    Create {
        target: usize,
        back: Option<usize>,
    },
    /// From now on somebody writes an earlier version back after each write of ours.
    Fight {
        target: usize,
        back: usize,
    },
    /// From now on nobody may read or write the target.
    ForbidTarget {
        target: usize,
    },
    /// From now on nobody may write the serving record.
    ForbidServing {
        installation: usize,
        record: usize,
    },
    /// The controllers start again with other flags.
    Rules {
        installation: usize,
        rules: Rules,
    },
    /// A controller starts again as a version that wants other names.
    Names {
        controller: usize,
        extra: Option<u8>,
    },
    /// The controllers start again with flags that name one target less.
    Delist {
        installation: usize,
        target: usize,
    },
    /// The controllers start again with flags that name one target more, which is there already.
    Enlist {
        installation: usize,
        target: usize,
    },
    /// This happens as soon as a rotation is in progress.
    InMidRotation(Box<Self>),
    /// The authority record is deleted.
    LoseAuthority {
        installation: usize,
    },
    /// The authority record is what it was some versions ago.
    RestoreAuthority {
        installation: usize,
        back: usize,
    },
    /// The authority record becomes unreadable.
    GarbleAuthority {
        installation: usize,
        how: u8,
    },
    /// The serving record is deleted, or becomes unreadable.
    SpoilServing {
        installation: usize,
        record: usize,
        garbage: bool,
    },
    /// Somebody hostile does what his one right allows.
    Attack(Attack),
}

/// What somebody hostile does who has one right, or what ends it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attack {
    /// He writes the serving record.
    Serving {
        installation: usize,
        record: usize,
        how: ServingAttack,
    },
    /// He lost the right, and the record is what it was before, or is deleted.
    ServingEnds {
        installation: usize,
        record: usize,
        is_restored: bool,
    },
    /// He writes into every entry of the target.
    Target { target: usize, how: TargetAttack },
    /// He lost the right, and the target's entries are emptied, or the target is made anew.
    TargetEnds { target: usize, is_anew: bool },
    /// He holds the Lease from now on, so that every controller stands by.
    Lease,
    /// Somebody deletes the Lease: there is a leader again.
    LeaseEnds,
}

/// What may be put into a serving record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServingAttack {
    /// A CA of his more in `ca.crt`.
    AppendsCa,
    /// Sixty self-signed CAs with the subjects of our roots.
    AppendsImpostors,
    /// Sixty variants of our roots that end sooner.
    AppendsVariants,
    /// Sixty CAs of 8 kB.
    AppendsLarge,
    /// A leaf that his CA signed, with names of others beside ours.
    Leaf,
    /// The same, which has ended.
    EndedLeaf,
    /// No certificate.
    Garbage,
}

/// What may be put into a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetAttack {
    /// A CA of his beside ours.
    Plants,
    /// A hundred and twenty self-signed CAs with the subjects of our roots, before ours.
    Impostors,
    /// The same, our roots themselves with other dates.
    Variants,
    /// Forty CAs of his, half of them of one subject.
    Floods,
    /// Twelve CAs of 8 kB.
    Large,
    /// His CA in place of ours.
    Replaces,
}

impl ServingAttack {
    pub(crate) const ALL: [Self; 7] = [
        Self::AppendsCa,
        Self::AppendsImpostors,
        Self::AppendsVariants,
        Self::AppendsLarge,
        Self::Leaf,
        Self::EndedLeaf,
        Self::Garbage,
    ];
}

impl TargetAttack {
    pub(crate) const ALL: [Self; 6] = [
        Self::Plants,
        Self::Impostors,
        Self::Variants,
        Self::Floods,
        Self::Large,
        Self::Replaces,
    ];
}

impl Attack {
    /// For counting what happened.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Serving { how, .. } => match how {
                ServingAttack::AppendsCa => "attacks: a CA in ca.crt",
                ServingAttack::AppendsImpostors => "attacks: impostors of our roots in ca.crt",
                ServingAttack::AppendsVariants => "attacks: variants of our roots in ca.crt",
                ServingAttack::AppendsLarge => "attacks: large CAs in ca.crt",
                ServingAttack::Leaf => "attacks: a leaf with other names in the serving record",
                ServingAttack::EndedLeaf => "attacks: an ended leaf in the serving record",
                ServingAttack::Garbage => "attacks: garbage in the serving record",
            },
            Self::ServingEnds { .. } => "attacks: the serving record restored or deleted",
            Self::Target { how, .. } => match how {
                TargetAttack::Plants => "attacks: a CA in a target",
                TargetAttack::Impostors => "attacks: impostors of our roots in a target",
                TargetAttack::Variants => "attacks: variants of our roots in a target",
                TargetAttack::Floods => "attacks: forty CAs in a target",
                TargetAttack::Large => "attacks: large CAs in a target",
                TargetAttack::Replaces => "attacks: a CA in place of ours in a target",
            },
            Self::TargetEnds { .. } => "attacks: the target emptied or made anew",
            Self::Lease => "attacks: the Lease held",
            Self::LeaseEnds => "attacks: the Lease deleted",
        }
    }
}

impl Event {
    /// The policy that this brings.
    pub(crate) fn rules(&self) -> Option<&Rules> {
        match self {
            Self::Rules { rules, .. } => Some(rules),
            Self::InMidRotation(event) => event.rules(),
            _ => None,
        }
    }

    /// For counting what happened.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Run(_) => "runs",
            Self::Crash { .. } => "crashes",
            Self::Drop { .. } => "steps dropped",
            Self::Look { .. } => "looks",
            Self::Take { .. } => "chains shown",
            Self::Revert { .. } => "bundles reverted",
            Self::Spoil { .. } => "bundles emptied or garbled",
            Self::Replace { .. } => "bundles replaced by somebody's own",
            Self::Delete { .. } => "targets deleted",
            Self::Create { .. } => "targets created",
            Self::Fight { .. } => "targets fought over",
            Self::ForbidTarget { .. } => "targets forbidden",
            Self::ForbidServing { .. } => "serving records unwritable",
            Self::Rules { .. } => "policies changed",
            Self::Names { .. } => "names changed",
            Self::Delist { .. } => "targets taken out of the configuration",
            Self::Enlist { .. } => "targets added to the configuration",
            Self::InMidRotation(event) => event.kind(),
            Self::LoseAuthority { .. } => "authority records lost",
            Self::RestoreAuthority { .. } => "authority records restored",
            Self::GarbleAuthority { .. } => "authority records garbled",
            Self::SpoilServing { .. } => "serving records lost or garbled",
            Self::Attack(attack) => attack.kind(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) controller: usize,
    pub(crate) rounds: u8,
    /// Whether its watches have told it of every change.
    pub(crate) hears: bool,
    /// Whether the machine slept since the last run: the clock that never jumps then stood still.
    pub(crate) slept: bool,
    pub(crate) stands_by: bool,
    /// How far the bounds reach before and after the true time.
    pub(crate) before: i64,
    pub(crate) after: i64,
    /// Bounds that do not contain the true time, in place of those that do.
    pub(crate) lie: Option<Lie>,
    /// Not at its moment but when the next decision is due, or so many seconds later, if nothing else happens before.
    pub(crate) aim: Option<i64>,
    /// Which of the calls do not simply succeed.
    pub(crate) fates: Vec<(u8, Fate)>,
}

/// What a clock says that does not say the time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lie {
    /// These bounds.
    Says(i64, i64),
    /// That the controller's next decision is due, by the bounds that it was told last, or so many seconds later.
    Due(i64),
    /// At each reading so many seconds less than at the one before.
    Back(i64),
}

impl Lie {
    /// For counting what happened.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Says(..) => "runs by a clock that lies: any bounds",
            Self::Due(_) => "runs by a clock that lies: a second around the next decision",
            Self::Back(0) => "runs by a clock that lies: standing still",
            Self::Back(_) => "runs by a clock that lies: running backwards",
        }
    }
}

impl Setup {
    /// Whether controllers of one installation want different names.
    pub(crate) fn has_two_versions(&self) -> bool {
        self.controllers.iter().any(|one| {
            self.controllers.iter().any(|other| {
                other.installation == one.installation && other.extra_name != one.extra_name
            })
        })
    }

    /// Bounds that contain every caller's clock and are no wider than they may be: how far they reach back and ahead.
    pub(crate) fn bounds(&self, chance: &mut Chance) -> (i64, i64) {
        let slow = self.callers.iter().map(|offset| 0.max(-offset)).max();
        let fast = self.callers.iter().map(|offset| 0.max(*offset)).max();
        let (slow, fast) = (slow.unwrap_or(0), fast.unwrap_or(0));
        let spare = self.width - slow - fast;
        let back = chance.between(0, spare);
        let ahead = chance.between(0, spare - back);
        (slow + back, fast + ahead)
    }
}

impl Run {
    /// A leader's run in which nothing goes wrong, until it settles.
    pub(crate) fn clean(controller: usize, (before, after): (i64, i64)) -> Self {
        Self {
            controller,
            rounds: 12,
            hears: true,
            slept: false,
            stands_by: false,
            before,
            after,
            lie: None,
            aim: None,
            fates: Vec::new(),
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        let is_whole = self.hears && !self.stands_by && self.rounds >= 12;
        is_whole && self.fates.is_empty() && self.lie.is_none()
    }
}
