//! What a simulation counted.

use std::{collections::BTreeMap, fmt};

/// Sums over any number of simulated lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// How many lives.
    pub seeds: u64,
    /// Simulated days.
    pub days: u64,
    /// Events of the scripts.
    pub events: u64,
    /// Caller × replica verifications.
    pub verified: u64,
    /// Signatures that the judge verified.
    pub signatures: u64,
    /// Refusals, by why they are none of ours.
    pub refused: BTreeMap<String, u64>,
    /// Other things that were counted: writes by kind, faults by kind.
    pub counted: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds another sum to this one.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.days += other.days;
        self.events += other.events;
        self.verified += other.verified;
        self.signatures += other.signatures;
        for (reason, count) in &other.refused {
            *self.refused.entry(reason.clone()).or_default() += count;
        }
        for (what, count) in &other.counted {
            *self.counted.entry(what).or_default() += count;
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counted.entry(what).or_default() += 1;
    }

    /// Simulated years.
    pub fn years(&self) -> u64 {
        self.days / 365
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seeds, years, events) = (self.seeds, self.years(), self.events);
        writeln!(f, "{seeds} seeds, {years} simulated years, {events} events")?;
        let (verified, signatures) = (self.verified, self.signatures);
        writeln!(
            f,
            "{verified} caller × replica verifications, {signatures} signatures"
        )?;
        for (what, count) in &self.counted {
            writeln!(f, "  {what}: {count}")?;
        }
        for (reason, count) in &self.refused {
            writeln!(f, "  refused, {reason}: {count}")?;
        }
        Ok(())
    }
}
