//! A controller in the middle of a step is what it has been told so far: nothing else can make a difference to it.

use crate::contents::{AuthorityId, BundleId, ServingId};

/// Every answer that a step got from its ports since it began.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Told {
    /// The time; none: it is asked for in a call of its own.
    pub(crate) now: Option<u8>,
    pub(crate) authority: Read,
    pub(crate) serving: Read,
    pub(crate) targets: [Sight; 2],
    /// What came after the first reads.
    pub(crate) later: Vec<(Call, Answer)>,
}

/// The first answer about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Read {
    /// This content (0: absent).
    Holds(u32),
    /// This content stands there, but what came back is of a format that nobody can read.
    Damaged(u32),
    /// No answer.
    Unavailable,
    /// It is asked for in a call of its own.
    Asked,
}

/// The first answer about a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sight {
    Holds(BundleId),
    Unavailable,
}

/// One question or write of a step, after its first reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) place: Place,
    /// Counted from 0, reads and writes of a place each for themselves.
    pub(crate) nth: u8,
    pub(crate) what: What,
}

impl Call {
    /// The same call in the cluster with the two targets in each other's place.
    pub(crate) fn mirrored(mut self) -> Self {
        if let Place::Target(target) = &mut self.place {
            *target = 1_usize.saturating_sub(*target);
        }
        self
    }
}

/// To whom a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    Authority,
    Serving,
    Target(usize),
    AllTargets,
    Clock,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum What {
    /// Write `content` if `seen` still stands there.
    Write { seen: u32, content: u32 },
    /// Read once more.
    Load,
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// Written.
    Done,
    /// Something else stood there.
    Refused,
    /// None came. Whether it was written is another matter.
    Lost,
    /// What stands there.
    Record(u32),
    /// What the targets hold.
    Bundles([BundleId; 2]),
    /// What time it is.
    Time(u8),
}

impl Told {
    /// A step that found everything as it stands.
    pub(crate) fn first(
        now: u8,
        authority: AuthorityId,
        serving: ServingId,
        targets: [BundleId; 2],
    ) -> Self {
        Self {
            now: Some(now),
            authority: Read::Holds(authority),
            serving: Read::Holds(serving),
            targets: targets.map(Sight::Holds),
            later: Vec::new(),
        }
    }

    /// A step that has seen the targets, and asks for everything else in calls of their own.
    pub(crate) fn asking(targets: [Sight; 2]) -> Self {
        Self {
            now: None,
            authority: Read::Asked,
            serving: Read::Asked,
            targets,
            later: Vec::new(),
        }
    }

    /// The time, if it was told.
    pub(crate) fn time(&self) -> Option<u8> {
        let told = self.later.iter().find_map(|(_, answer)| match answer {
            Answer::Time(now) => Some(*now),
            _ => None,
        });
        self.now.or(told)
    }

    /// The authority record as it was first read, if it was.
    pub(crate) fn authority(&self) -> Option<AuthorityId> {
        let asked = self.later.iter().find_map(|(call, answer)| match answer {
            Answer::Record(id) if call.place == Place::Authority => Some(*id),
            _ => None,
        });
        match self.authority {
            Read::Holds(id) | Read::Damaged(id) => Some(id),
            Read::Unavailable => None,
            Read::Asked => asked,
        }
    }

    /// The same step, told one thing more.
    pub(crate) fn and(&self, call: Call, answer: Answer) -> Self {
        let mut told = self.clone();
        told.later.push((call, answer));
        // Lanes share nothing but what was read at the beginning, so the order of their answers says nothing.
        told.later.sort_by_key(|(call, _)| *call);
        told
    }

    /// The same step with the two targets in each other's place.
    pub(crate) fn mirrored(&self) -> Self {
        let mut told = self.clone();
        told.targets.reverse();
        for (call, answer) in &mut told.later {
            *call = call.mirrored();
            if let Answer::Bundles(bundles) = answer {
                bundles.reverse();
            }
        }
        told.later.sort_by_key(|(call, _)| *call);
        told
    }
}
