//! One life once more, told event by event.

use std::fmt;

use crate::{generate, judge::verdict::Violation, shrink::shrink, tally::Tally, world::tell};

/// One life: its script, and how it went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Replay {
    /// What was counted until the end, or until the violation.
    pub tally: Tally,
    /// What was broken, if anything was.
    pub violation: Option<Violation>,
    lines: Vec<String>,
}

/// How much of a life is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// What was counted.
    Figures,
    /// Every event, until something is broken.
    Events,
    /// No more events than are needed to break the same.
    Least,
}

/// Plays the life of `seed` again.
pub fn replay(seed: u64, told: Told) -> Replay {
    let whole = generate::script(seed);
    let script = match told {
        Told::Least => shrink(&whole),
        Told::Figures | Told::Events => whole,
    };
    let (outcome, story) = tell(&script);
    let mut lines = vec![format!("{:?}", script.setup)];
    if told != Told::Figures {
        lines.extend(story);
    }
    Replay {
        tally: outcome.tally,
        violation: outcome.violation.map(|(_, violation)| violation),
        lines,
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        write!(f, "{}", self.tally)?;
        match &self.violation {
            None => writeln!(f, "no violation"),
            Some(violation) => writeln!(f, "VIOLATION {violation}"),
        }
    }
}
