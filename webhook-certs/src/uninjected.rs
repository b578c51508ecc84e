//! Warns once of each target that stays without a bundle, in the log and as an Event.

use std::{collections::BTreeMap, time::Duration};

use kube_adapter::{KubeWebhookPatcher, TargetStatus};
use rotator_core::{Duty, TargetRef};
use tokio::{sync::watch, time::Instant};

use crate::{narrator::Shared, notice::Notice};

/// How long a target may come after the controller before an Event is written about it.
const GRACE: Duration = Duration::from_secs(30);
/// How often to check, since a view becomes stale without notification.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// Watches the targets until dropped. Only the leader warns, so that each target is reported once.
pub(crate) async fn warn(
    patcher: &KubeWebhookPatcher,
    mut duty: watch::Receiver<Duty>,
    narrator: &Shared,
) {
    let mut changes = patcher.changes();
    let mut uninjected = Uninjected::default();
    loop {
        changes.mark_unchanged();
        let leads = *duty.borrow_and_update() == Duty::Lead;
        let now = Instant::now();
        uninjected.look(patcher.statuses(), now);
        if leads {
            for notice in uninjected.overdue(now) {
                narrator.lock().say(&notice);
            }
        }
        let next = uninjected.next_overdue().filter(|_| leads);
        let pause = next.map_or(LOOK_AGAIN, |at| at.saturating_duration_since(now));
        // Neither channel closes while this runs; if one does, the pause paces the loop.
        tokio::select! {
            Ok(()) = changes.changed() => {}
            Ok(()) = duty.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The targets that are not injected: why, since when, and whether that was reported.
#[derive(Debug, Default)]
struct Uninjected {
    targets: BTreeMap<TargetRef, Seen>,
}

#[derive(Debug)]
struct Seen {
    status: TargetStatus,
    since: Instant,
    is_told: bool,
}

impl Uninjected {
    fn look(&mut self, statuses: Vec<(TargetRef, TargetStatus)>, now: Instant) {
        for (target, status) in statuses {
            match &status {
                // An unknown status changes nothing.
                TargetStatus::Unknown => {}
                // A target that may not be read fails in its lane, which reports it.
                TargetStatus::Managed { .. } | TargetStatus::Forbidden { .. } => {
                    self.targets.remove(&target);
                }
                TargetStatus::Absent
                | TargetStatus::NotInstalled
                | TargetStatus::NoUsableEntry(_) => self.note(target, status, now),
            }
        }
    }

    fn note(&mut self, target: TargetRef, status: TargetStatus, now: Instant) {
        let known = self.targets.get(&target);
        if known.is_some_and(|seen| seen.status == status) {
            return;
        }
        tracing::info!(%target, "not injected yet: {status}; its bundle is written when that changes");
        let seen = Seen {
            status,
            since: now,
            is_told: false,
        };
        self.targets.insert(target, seen);
    }

    /// Returns what to report now; each target once.
    fn overdue(&mut self, now: Instant) -> Vec<Notice> {
        let overdue = self.targets.iter_mut().filter(|(_, seen)| {
            !seen.is_told && now.saturating_duration_since(seen.since) >= GRACE
        });
        let notices = overdue.map(|(target, seen)| {
            seen.is_told = true;
            Notice::of_uninjected(target, &seen.status)
        });
        notices.collect()
    }

    fn next_overdue(&self) -> Option<Instant> {
        let waiting = self.targets.values().filter(|seen| !seen.is_told);
        waiting.map(|seen| seen.since + GRACE).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> TargetRef {
        TargetRef::new("ValidatingWebhookConfiguration", "guard.example.com")
    }

    #[test]
    fn a_target_is_told_once_after_a_grace_and_again_for_another_reason() {
        let (start, mut uninjected) = (Instant::now(), Uninjected::default());
        let mut at = |seconds, status| {
            let now = start + Duration::from_secs(seconds);
            uninjected.look(vec![(guard(), status)], now);
            (uninjected.overdue(now).len(), uninjected.next_overdue())
        };
        let due = |seconds| Some(start + Duration::from_secs(seconds));
        assert_eq!(at(0, TargetStatus::Absent), (0, due(30)));
        assert_eq!(at(29, TargetStatus::Unknown), (0, due(30)));
        assert_eq!(at(30, TargetStatus::Absent), (1, None));
        assert_eq!(at(300, TargetStatus::Absent), (0, None));
        assert_eq!(at(301, TargetStatus::NotInstalled), (0, due(331)));
        assert_eq!(at(302, TargetStatus::Managed { entries: 1 }), (0, None));
        assert_eq!(at(303, TargetStatus::NotInstalled), (0, due(333)));
        assert_eq!(at(400, TargetStatus::NotInstalled), (1, None));
    }

    #[test]
    fn the_warning_says_which_target_and_why() {
        let notice = Notice::of_uninjected(&guard(), &TargetStatus::Absent);
        let text =
            "ValidatingWebhookConfiguration/guard.example.com is not injected: it does not exist";
        assert_eq!(
            (notice.reason, notice.text.as_str()),
            ("TargetNotInjected", text)
        );
    }
}
