//! Which refusals of the API server to believe: those repeated some seconds later.
//!
//! An API server that has just started refuses for a moment what its authorizer has not loaded yet.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::fault::{Fault, Needs};

/// How long after the first a repeated refusal counts.
const DOUBTED_FOR: Duration = Duration::from_secs(4);
/// The same if the call has worked before: then a restart is more likely than a revoked permission.
const DOUBTED_FOR_WHAT_WORKED: Duration = Duration::from_secs(10);
/// When to ask again: soon, since the call usually works after a moment.
const ASK_AFTER: Duration = Duration::from_secs(2);
/// Callers count from before their call; without this margin the try that counts could come too early.
const SLACK: Duration = Duration::from_millis(250);
/// How long an unused permission is remembered: longer than between two tries of any call.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(900);

/// What the API server has recently permitted and refused.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    heard: Mutex<BTreeMap<Needs, Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    has_worked: bool,
    refused_since: Option<Duration>,
    at: Duration,
}

impl Refusals {
    /// Records that the API server permitted a call.
    pub(crate) fn permitted(&self, needs: &Needs, now: Duration) {
        let mut heard = self.heard();
        let permitted = Heard {
            has_worked: true,
            refused_since: None,
            at: now,
        };
        if let Some(known) = heard.get_mut(needs) {
            *known = permitted;
        } else {
            heard.retain(|_, known| now.saturating_sub(known.at) < FORGOTTEN_AFTER);
            heard.insert(needs.clone(), permitted);
        }
    }

    /// Records that the API server refused a call.
    ///
    /// Returns [`Fault::Forbidden`] if the refusal counts, [`Fault::RefusedOnce`] if the caller must ask again first.
    pub(crate) fn refused(&self, needs: &Needs, now: Duration) -> Fault {
        let mut heard = self.heard();
        let known = heard.entry(needs.clone()).or_default();
        known.at = now;
        let since = *known.refused_since.get_or_insert(now);
        let doubted_for = if known.has_worked {
            DOUBTED_FOR_WHAT_WORKED
        } else {
            DOUBTED_FOR
        };
        let left = doubted_for.saturating_sub(now.saturating_sub(since));
        if left.is_zero() {
            Fault::Forbidden(needs.clone())
        } else {
            Fault::RefusedOnce {
                needs: needs.clone(),
                ask_after: left.saturating_add(SLACK).min(ASK_AFTER),
            }
        }
    }

    /// Records a call without an answer: the API server may have restarted, so refusals before and after it do not
    /// count as one.
    pub(crate) fn interrupted(&self) {
        for known in self.heard().values_mut() {
            known.refused_since = None;
        }
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<Needs, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn get() -> Needs {
        Needs::new("get", "secrets/guard-tls in namespace guard-system")
    }

    fn is_believed(refusals: &Refusals, needs: &Needs, now: u64) -> bool {
        match refusals.refused(needs, secs(now)) {
            Fault::Forbidden(_) => true,
            Fault::RefusedOnce { ask_after, .. } => {
                assert!(!ask_after.is_zero());
                false
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_refusal_is_doubted_and_the_same_some_seconds_later_is_believed() {
        let refusals = Refusals::default();
        assert!(!is_believed(&refusals, &get(), 100));
        assert!(!is_believed(&refusals, &get(), 103));
        assert!(is_believed(&refusals, &get(), 104));
        assert!(is_believed(&refusals, &get(), 700), "until it is permitted");
    }

    #[test]
    fn what_has_worked_is_doubted_for_longer_and_each_permission_begins_anew() {
        let refusals = Refusals::default();
        refusals.permitted(&get(), secs(0));
        assert!(!is_believed(&refusals, &get(), 100));
        assert!(!is_believed(&refusals, &get(), 109));
        refusals.permitted(&get(), secs(109));
        assert!(!is_believed(&refusals, &get(), 110));
        assert!(!is_believed(&refusals, &get(), 119));
        assert!(is_believed(&refusals, &get(), 120));
    }

    #[test]
    fn one_refusal_says_nothing_of_another_object() {
        let refusals = Refusals::default();
        let update = Needs::new("update", get().object);
        assert!(!is_believed(&refusals, &get(), 0));
        assert!(!is_believed(&refusals, &update, 60));
    }

    #[test]
    fn a_refusal_before_and_one_after_a_restart_are_two() {
        let refusals = Refusals::default();
        assert!(!is_believed(&refusals, &get(), 0));
        refusals.interrupted();
        assert!(!is_believed(&refusals, &get(), 60));
        assert!(is_believed(&refusals, &get(), 64));
    }

    #[test]
    fn what_was_not_asked_for_lately_is_forgotten() {
        let refusals = Refusals::default();
        for number in 0..100 {
            refusals.permitted(&Needs::new("patch", format!("pods/{number}")), secs(0));
        }
        refusals.permitted(&get(), secs(900));
        assert_eq!(refusals.heard().len(), 1);
    }
}
