//! What a rotator remembers between steps: back-off only. Safety never rests on it.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use certgen::Fingerprint;

use crate::{
    observation::{
        AuthorityView, EntrySeen, Lane, Observation, TargetObservation, TargetSeen, Undone,
    },
    plan::Publication,
    store::RecordName,
    target::{EntryName, TargetRef},
};

/// The back-off state. All moments are times since one fixed moment, by a monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    failures: BTreeMap<Lane, Failure>,
    unread: BTreeMap<Lane, Unread>,
    turns: BTreeMap<TargetRef, Turn>,
    writes: BTreeMap<TargetRef, Write>,
    /// When each leaf was written last.
    issued: BTreeMap<RecordName, Duration>,
    /// For each entry, the roots of the record when it was last seen to contain all of them.
    complete: BTreeMap<TargetRef, BTreeMap<EntryName, BTreeSet<Fingerprint>>>,
    left_out: BTreeMap<TargetRef, BTreeMap<Fingerprint, LeftOut>>,
    pending_since: BTreeMap<Lane, Duration>,
}

#[derive(Debug)]
struct Failure {
    count: u32,
    until: Duration,
}

/// A record that was not read.
#[derive(Debug)]
struct Unread {
    failure: Failure,
    /// Until then it is not read, whatever changes: the store asked for that.
    asked_until: Duration,
}

/// When a routine write of a target is tried again.
#[derive(Debug)]
struct Turn {
    seen: TargetSeen,
    at: Duration,
}

#[derive(Debug)]
struct Write {
    needed: BTreeSet<Fingerprint>,
    at: Duration,
    delay: Duration,
}

/// A foreign certificate that a write of ours left out.
#[derive(Debug, Default)]
struct LeftOut {
    /// How often another writer has put it back since.
    returned: u32,
    is_out: bool,
}

impl Failure {
    fn after(before: Option<&Self>, retry_after: Option<Duration>, elapsed: Duration) -> Self {
        let count = before.map_or(0, |failure| failure.count);
        let delay = FIRST_DELAY
            .saturating_mul(1 << count.min(6))
            .min(LONGEST_RETRY);
        let wait = retry_after.map_or(delay, |asked| asked.min(LONGEST_TRUCE).max(delay));
        Self {
            count: count.saturating_add(1),
            until: elapsed.saturating_add(wait),
        }
    }
}

/// How long to wait between two writes of the same record or target, whatever another writer does.
const PAUSE: Duration = Duration::from_secs(1);
/// How many certificates that were left out of one target are remembered.
const LEFT_OUT_CAP: usize = 256;
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
const LONGEST_TRUCE: Duration = Duration::from_secs(600);

impl Memory {
    /// Notes that an action of `lane` failed: the lane backs off, or waits as long as the store or API server asked.
    pub(crate) fn failed(&mut self, lane: &Lane, retry_after: Option<Duration>, elapsed: Duration) {
        let before = self.failures.get(lane);
        self.failures
            .insert(lane.clone(), Failure::after(before, retry_after, elapsed));
    }

    /// Notes that the turn of a target comes later, which is no failure. The target waits until then as long as it
    /// stays as it was `seen`; if it changes, the rotator asks the patcher again, since a repair waits for no turn.
    pub(crate) fn paced(&mut self, seen: &TargetObservation, wait: Duration, elapsed: Duration) {
        self.turns.retain(|_, turn| turn.at > elapsed);
        let turn = Turn {
            seen: seen.seen.clone(),
            at: elapsed.saturating_add(wait),
        };
        self.turns.insert(seen.target.clone(), turn);
    }

    /// Notes that the record of `lane` was read.
    pub(crate) fn read(&mut self, lane: &Lane) {
        self.unread.remove(lane);
    }

    /// Notes that the record of `lane` was not read: reads of it back off, or wait as long as the store asked.
    pub(crate) fn not_read(
        &mut self,
        lane: &Lane,
        retry_after: Option<Duration>,
        elapsed: Duration,
    ) {
        let before = self.unread.get(lane).map(|unread| &unread.failure);
        let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY);
        let unread = Unread {
            failure: Failure::after(before, retry_after, elapsed),
            asked_until: elapsed.saturating_add(asked),
        };
        self.unread.insert(lane.clone(), unread);
    }

    /// Whether the store asked for the record of `lane` to be left alone for now.
    pub(crate) fn must_not_read(&self, lane: &Lane, elapsed: Duration) -> bool {
        let unread = self.unread.get(lane);
        unread.is_some_and(|unread| unread.asked_until > elapsed)
    }

    /// When to read again, if a read failed.
    pub(crate) fn read_again_at(&self) -> Option<Duration> {
        let unread = self.unread.values();
        unread.map(|unread| unread.failure.until).min()
    }

    pub(crate) fn succeeded(&mut self, lane: &Lane) {
        self.failures.remove(lane);
    }

    /// Notes that a leaf was written.
    pub(crate) fn issued(&mut self, record: &RecordName, elapsed: Duration) {
        self.issued.insert(record.clone(), elapsed);
    }

    /// Notes that a bundle was written, and returns whether the same was written before. If that was recently, another
    /// writer reverts it, and each time the next write waits twice as long.
    pub(crate) fn published(&mut self, publication: &Publication, elapsed: Duration) -> bool {
        let before = self.writes.get(&publication.target);
        let again = before.is_some_and(|write| write.needed == publication.needed);
        let undone = before.filter(|write| {
            let quiet = elapsed.saturating_sub(write.at);
            quiet <= write.delay.saturating_mul(2)
        });
        let delay = undone.map_or(FIRST_DELAY, |write| {
            write.delay.saturating_mul(2).min(LONGEST_TRUCE)
        });
        let write = Write {
            needed: publication.needed.clone(),
            at: elapsed,
            delay,
        };
        self.writes.insert(publication.target.clone(), write);
        self.leave_out(publication);
        again
    }

    fn leave_out(&mut self, publication: &Publication) {
        if publication.left_out.is_empty() {
            return;
        }
        let target = publication.target.clone();
        let left_out = self.left_out.entry(target).or_default();
        for fingerprint in &publication.left_out {
            left_out.entry(*fingerprint).or_default().is_out = true;
        }
        if left_out.len() > LEFT_OUT_CAP {
            left_out.retain(|_, it| it.returned > 0);
        }
        if left_out.len() > LEFT_OUT_CAP {
            left_out.clear();
        }
    }

    /// Whether an entry of `publication` was seen before to contain all `roots` of the record.
    pub(crate) fn is_repair(
        &self,
        publication: &Publication,
        roots: &BTreeSet<Fingerprint>,
    ) -> bool {
        let complete = self.complete.get(&publication.target);
        complete.is_some_and(|complete| {
            let mut entries = publication.entries.iter();
            entries.any(|(name, _)| complete.get(name).is_some_and(|held| held == roots))
        })
    }

    /// Notes what each target contains. One that is gone comes back as another object, which no writer has reverted
    /// yet.
    pub(crate) fn saw(&mut self, observation: &Observation) {
        let roots = observation.authority.present();
        let roots = roots.map(AuthorityView::roots);
        for target in &observation.targets {
            match &target.seen {
                TargetSeen::Absent => {
                    self.writes.remove(&target.target);
                    self.complete.remove(&target.target);
                    self.left_out.remove(&target.target);
                }
                TargetSeen::Unreadable => {}
                TargetSeen::Readable(entries) => {
                    self.saw_returned(target);
                    if let Some(roots) = &roots {
                        self.saw_complete(&target.target, entries, roots);
                    }
                }
            }
        }
    }

    fn saw_returned(&mut self, target: &TargetObservation) {
        for (fingerprint, left_out) in self.left_out.entry(target.target.clone()).or_default() {
            if left_out.is_out && target.holds_somewhere(fingerprint) {
                left_out.is_out = false;
                left_out.returned = left_out.returned.saturating_add(1);
            }
        }
    }

    fn saw_complete(
        &mut self,
        target: &TargetRef,
        entries: &BTreeMap<EntryName, EntrySeen>,
        roots: &BTreeSet<Fingerprint>,
    ) {
        let complete = self.complete.entry(target.clone()).or_default();
        complete.retain(|name, _| entries.contains_key(name));
        for (name, entry) in entries {
            if let EntrySeen::Holds(anchors) = entry
                && roots.iter().all(|root| anchors.contains_key(root))
                && complete.get(name) != Some(roots)
            {
                complete.insert(name.clone(), roots.clone());
            }
        }
    }

    /// How long the next write of the same content to `target` would wait, if the last one repaired an earlier one.
    pub(crate) fn truce(&self, target: &TargetRef) -> Option<Duration> {
        self.writes
            .get(target)
            .map(|write| write.delay)
            .filter(|delay| *delay > FIRST_DELAY)
    }

    /// Notes since when each lane has something to do.
    pub(crate) fn pending<'a>(&mut self, lanes: impl Iterator<Item = &'a Lane>, elapsed: Duration) {
        let before = core::mem::take(&mut self.pending_since);
        self.pending_since = lanes
            .map(|lane| (lane.clone(), before.get(lane).copied().unwrap_or(elapsed)))
            .collect();
    }

    pub(crate) fn pending_for(&self, lane: &Lane, elapsed: Duration) -> Duration {
        self.pending_since
            .get(lane)
            .map_or(Duration::ZERO, |since| elapsed.saturating_sub(*since))
    }

    /// Adds the back-off state to an observation.
    pub(crate) fn recall(&self, observation: &mut Observation, elapsed: Duration) {
        let held = self
            .failures
            .iter()
            .filter(|(_, failure)| failure.until > elapsed);
        observation.holds = held
            .map(|(lane, failure)| (lane.clone(), failure.until.saturating_sub(elapsed)))
            .collect();
        let pause = |at: Duration| at.saturating_add(PAUSE).saturating_sub(elapsed);
        for serving in &mut observation.serving {
            let issued = self.issued.get(&serving.record).copied();
            serving.pause = issued.map_or(Duration::ZERO, pause);
        }
        for target in &observation.targets {
            let turn = self.turns.get(&target.target);
            let turn = turn.filter(|turn| turn.at > elapsed && turn.seen == target.seen);
            if let Some(turn) = turn {
                let lane = Lane::Target(target.target.clone());
                let wait = turn.at.saturating_sub(elapsed);
                observation.holds.entry(lane).or_insert(wait);
            }
        }
        for target in &mut observation.targets {
            target.undone = self.writes.get(&target.target).map(|write| Undone {
                needed: write.needed.clone(),
                wait: write.at.saturating_add(write.delay).saturating_sub(elapsed),
                pause: pause(write.at),
                returned: self.returned(&target.target),
            });
        }
    }

    fn returned(&self, target: &TargetRef) -> BTreeMap<Fingerprint, u32> {
        let left_out = self.left_out.get(target).into_iter().flatten();
        let returned = left_out.filter(|(_, it)| it.returned > 0);
        returned
            .map(|(fingerprint, it)| (*fingerprint, it.returned))
            .collect()
    }
}

#[cfg(test)]
mod tests;
