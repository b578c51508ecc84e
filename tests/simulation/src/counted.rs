//! What is counted of a life.

use std::{
    collections::BTreeSet,
    hash::{Hash as _, Hasher as _},
};

use crate::{
    judge::verdict::Violation,
    residuals::promise,
    script::{DAY, Event, Run, START, Script, YEAR},
    world::{Outcome, World},
};

impl World {
    /// What kind of life it was.
    pub(crate) fn count_life(&mut self, script: &Script) {
        for (kind, is_so) in [
            (
                "lives: nothing but the controllers' own work, no refusal within T - P - L of any bundle allowed",
                self.is_strict && self.bench.promise.is_some(),
            ),
            (
                "lives: no refusal within T - P - L of a whole bundle allowed, to the end",
                self.bench.promise.is_some(),
            ),
            (
                "lives: no refusal within T - P - L of a whole bundle allowed, until record or clock failed",
                self.bench.promise.is_none() && promise(script).is_some(),
            ),
            ("lives: bounds wider than 4 s", script.setup.width > 4),
            ("lives: clocks that lie", self.bench.lied_since.is_some()),
            (
                "lives: two installations",
                script.setup.installations.len() > 1,
            ),
            (
                "lives: somebody else's certificate first",
                script.setup.taken_over.is_some(),
            ),
            (
                "lives: two versions with different names",
                script.setup.has_two_versions(),
            ),
        ] {
            if is_so {
                self.tally.count(kind);
            }
        }
        self.count_who_stopped(script);
    }

    /// Those who look, hear or are shown nothing for the last five years; the slowest of the others look every four.
    fn count_who_stopped(&mut self, script: &Script) {
        let recent = script.events.iter();
        let recent = recent.filter(|timed| timed.at > script.end - 5 * YEAR);
        let (mut callers, mut replicas, mut work, mut hear) = (
            BTreeSet::new(),
            BTreeSet::new(),
            BTreeSet::new(),
            BTreeSet::new(),
        );
        for timed in recent {
            match &timed.event {
                Event::Look { caller, .. } => drop(callers.insert(*caller)),
                Event::Take { replica, .. } => drop(replicas.insert(*replica)),
                Event::Run(run) => {
                    work.insert(run.controller);
                    if run.hears {
                        hear.insert(run.controller);
                    }
                }
                _ => {}
            }
        }
        for (kind, all, active) in [
            (
                "callers that look never again",
                self.bench.callers.len(),
                callers.len(),
            ),
            (
                "replicas that are shown nothing any more",
                self.bench.replicas.len(),
                replicas.len(),
            ),
            ("controllers whose watches stay cut", work.len(), hear.len()),
        ] {
            let stopped = u64::try_from(all - active).expect("fits");
            *self.tally.counted.entry(kind).or_default() += stopped;
        }
    }

    pub(crate) fn count(&mut self, event: &Event) {
        // Looks are too many to tell anything; what waits is counted when it happens.
        if matches!(
            event,
            Event::Look { .. } | Event::Take { .. } | Event::InMidRotation(_)
        ) || !self.changes_something(event)
        {
            return;
        }
        let is_in_mid_rotation =
            !matches!(event, Event::Run(_)) && self.is_in_mid_rotation(self.rotation_of(event));
        let mut kinds = vec![event.kind()];
        if self.changes_algorithm(event) {
            kinds.push("key algorithms changed");
        }
        for kind in kinds {
            self.tally.count(kind);
            if is_in_mid_rotation {
                *self.tally.in_mid_rotation.entry(kind).or_default() += 1;
            }
        }
    }

    pub(crate) fn count_run(&mut self, run: &Run) {
        for (kind, is_so) in [
            ("runs with watches that were cut", !run.hears),
            ("runs standing by", run.stands_by),
            (
                "runs at the second of the next decision, or beside it",
                run.aim.is_some(),
            ),
        ] {
            if is_so {
                self.tally.count(kind);
            }
        }
        if let Some(lie) = run.lie {
            self.tally.count(lie.kind());
        }
    }

    pub(crate) fn conclude(mut self, violation: Option<(usize, Violation)>) -> Outcome {
        let writes = self.judge.writes;
        for (what, count) in [
            ("authority records written", writes.authorities),
            ("promotions", writes.promotions),
            ("leaves issued", writes.leaves),
            ("bundles published", writes.bundles),
            ("records read", self.cluster.lock().reads),
        ] {
            self.tally.counted.insert(what, count);
        }
        let fates = std::mem::take(&mut self.cluster.lock().fates);
        self.tally.counted.extend(fates);
        self.tally.seeds = 1;
        self.tally.days = (self.now - START).unsigned_abs() / DAY.unsigned_abs();
        self.tally.verified = self.calls.verified;
        self.tally.signatures = self.judge.shelf.signatures;
        let refused = self.calls.refused.iter();
        self.tally.refused = refused
            .map(|(reason, count)| (reason.why(), *count))
            .collect();
        (self.calls.verified, &self.tally.refused).hash(&mut self.course);
        Outcome {
            tally: self.tally,
            course: self.course.finish(),
            violation,
        }
    }
}
