//! What an attack did, as a line of a table.

use std::{collections::BTreeMap, fmt::Write};

use scenarios::megabytes;

use crate::{attacks::Attack, cage::MEMORY_LIMIT, calls::Outcome, server::Server};

/// Memory afterwards may be so many tenths of what it was.
const TENTHS: u64 = 13;

/// What became of calls, memory and process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The attack.
    pub attack: Attack,
    /// The server.
    pub server: Server,
    /// Admission calls.
    pub calls: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those of them that failed by a time-out.
    pub timed_out: u64,
    /// Why, and how often.
    pub reasons: BTreeMap<String, u64>,
    /// Resident bytes before, at most, and afterwards.
    pub memory: [u64; 3],
    /// The attack's connections, and those of them that the server ended.
    pub connections: [u64; 2],
    /// Whether the kernel keeps the limit of memory.
    pub is_limited: bool,
    /// Whether the process lives.
    pub has_survived: bool,
}

impl Row {
    pub(crate) fn with_calls(mut self, outcome: Outcome) -> Self {
        self.calls = outcome.calls;
        self.failed = outcome.failed();
        self.timed_out = outcome.timed_out();
        self.reasons = outcome.failed;
        self
    }

    /// Whether memory is back to what it was, nearly.
    pub(crate) fn is_back([before, _, after]: [u64; 3]) -> bool {
        after.saturating_mul(10) <= before.saturating_mul(TENTHS)
    }

    /// All that is not as it should be. `lenient`: of fifty calls one may time out, as on a busy machine.
    pub fn faults(&self, lenient: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let [before, peak, after] = self.memory;
        if !self.has_survived {
            faults.push("the process was killed".to_owned());
        } else if !self.is_limited && peak > MEMORY_LIMIT {
            faults.push(format!("{} would have been too much", megabytes(peak)));
        } else if !Self::is_back(self.memory) {
            let (before, after) = (megabytes(before), megabytes(after));
            faults.push(format!("memory went from {before} to {after}, for good"));
        }
        let is_only_late = self.failed == self.timed_out && self.failed * 50 <= self.calls;
        if self.failed > 0 && !(lenient && is_only_late) {
            let (failed, calls) = (self.failed, self.calls);
            let reasons: Vec<String> = (self.reasons.iter())
                .map(|(reason, count)| format!("{count} × {reason}"))
                .collect();
            let reasons = reasons.join("; ");
            faults.push(format!("{failed} of {calls} calls failed: {reasons}"));
        }
        faults
    }
}

/// The table for the documentation.
pub fn table(rows: &[Row]) -> String {
    let mut text = "| attack | server | calls | failed | memory before | at most | afterwards | connections | ended by the server | process |\n\
        |---|---|---:|---:|---:|---:|---:|---:|---:|---|\n"
        .to_owned();
    for row in rows {
        let [before, peak, after] = row.memory.map(megabytes);
        let [opened, shed] = row.connections;
        let after = if row.has_survived { &after } else { "" };
        let process = if row.has_survived {
            "lives"
        } else {
            "**killed**"
        };
        let (attack, server) = (row.attack.name(), row.server.name());
        let (calls, failed) = (row.calls, row.failed);
        let _written = writeln!(
            text,
            "| {attack} | {server} | {calls} | {failed} | {before} | {peak} | {after} | {opened} | {shed} | {process} |"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            attack: Attack::Peace,
            server: Server::Ours,
            calls: 100,
            failed: 0,
            timed_out: 0,
            reasons: BTreeMap::new(),
            memory: [10_000_000, 90_000_000, 13_000_000],
            connections: [1, 1],
            is_limited: true,
            has_survived: true,
        }
    }

    #[test]
    fn what_harms_is_a_fault() {
        assert!(row().faults(false).is_empty());
        let killed = Row {
            has_survived: false,
            ..row()
        };
        let grown = Row {
            memory: [10_000_000, 90_000_000, 13_000_001],
            ..row()
        };
        let large = Row {
            memory: [10_000_000, MEMORY_LIMIT + 1, 10_000_000],
            is_limited: false,
            ..row()
        };
        let failed = Row { failed: 1, ..row() };
        for harmed in [killed, grown, large, failed] {
            assert_eq!(harmed.faults(true).len(), 1, "{harmed:?}");
        }
    }

    #[test]
    fn of_fifty_calls_one_may_be_late_where_that_is_allowed() {
        let late = |failed, timed_out| Row {
            failed,
            timed_out,
            ..row()
        };
        assert!(late(2, 2).faults(true).is_empty());
        assert!(!late(2, 2).faults(false).is_empty());
        assert!(!late(3, 3).faults(true).is_empty());
        assert!(!late(2, 1).faults(true).is_empty());
    }
}
