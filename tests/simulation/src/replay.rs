//! One life once more, told event by event.

use std::fmt;

use crate::{
    generate,
    judge::verdict::Violation,
    script::{DAY, START, Timed},
    tally::Tally,
    world::play,
};

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

/// Plays the life of `seed` again; `events`: with every event until its end.
pub fn replay(seed: u64, events: bool) -> Replay {
    let script = generate::script(seed);
    let outcome = play(&script);
    let mut lines = vec![format!("{:#?}", script.setup)];
    let told = outcome
        .violation
        .as_ref()
        .map_or(script.events.len(), |(event, _)| *event + 1);
    if events {
        lines.extend(script.events.iter().take(told).map(line));
    }
    Replay {
        tally: outcome.tally,
        violation: outcome.violation.map(|(_, violation)| violation),
        lines,
    }
}

fn line(timed: &Timed) -> String {
    let passed = timed.at - START;
    let (day, second) = (passed / DAY, passed % DAY);
    format!("day {day:5} + {second:5} s: {:?}", timed.event)
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
