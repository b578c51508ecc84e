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
    pub refused: BTreeMap<&'static str, u64>,
    /// Other things that were counted: writes by kind, faults by kind.
    pub counted: BTreeMap<&'static str, u64>,
    /// What happened while a rotation was in progress: a successor was published and did not sign yet.
    pub in_mid_rotation: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds another sum to this one.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.days += other.days;
        self.events += other.events;
        self.verified += other.verified;
        self.signatures += other.signatures;
        for (sums, others) in [
            (&mut self.refused, &other.refused),
            (&mut self.counted, &other.counted),
            (&mut self.in_mid_rotation, &other.in_mid_rotation),
        ] {
            for (what, count) in others {
                *sums.entry(what).or_default() += count;
            }
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
        for heading in ["lives", "work", "adversities"] {
            writeln!(f, "{heading}")?;
            let counted = self.counted.iter();
            for (what, count) in counted.filter(|(what, _)| heading_of(what) == heading) {
                let what = what.strip_prefix("lives: ").unwrap_or(what);
                match self.in_mid_rotation.get(what) {
                    None => writeln!(f, "  {what}: {count}")?,
                    Some(part) => writeln!(f, "  {what}: {count}, in mid-rotation {part}")?,
                }
            }
        }
        writeln!(f, "calls refused")?;
        for (reason, count) in &self.refused {
            writeln!(f, "  {reason}: {count}")?;
        }
        Ok(())
    }
}

fn heading_of(what: &str) -> &'static str {
    match what {
        "authority records written"
        | "bundles published"
        | "leaves issued"
        | "promotions"
        | "records read"
        | "runs" => "work",
        _ if what.starts_with("lives: ") => "lives",
        _ => "adversities",
    }
}
