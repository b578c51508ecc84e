//! The election's decision.

use std::time::Duration;

use serde_json::Value;

use super::holder;

/// How long a Lease that is not renewed still counts.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// The longest that a Lease counts, whatever it says: a writer of the Lease must not stop routine work for years.
const LONGEST: Duration = Duration::from_secs(300);
/// How long to wait between two looks.
pub(super) const RETRY: Duration = Duration::from_secs(5);
/// How long a leader may fail to renew before it becomes a standby: sooner than another replica may claim.
const RENEW_LIMIT: Duration = Duration::from_secs(10);

/// What to do about a Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This replica holds it: renew it.
    Renew,
    /// It is released or expired: claim it.
    Claim,
    /// Another replica holds it: wait.
    Wait,
}

/// A Lease as last read, and when that revision was first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    holder: String,
    revision: String,
    lasts: Duration,
    since: Duration,
}

impl Seen {
    /// Keeps the time of `before` if the revision is the same: wall clocks of other machines do not count.
    pub(super) fn new(lease: &Value, now: Duration, before: Option<Self>) -> Self {
        let revision = lease
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let since = before
            .filter(|before| before.revision == revision)
            .map_or(now, |before| before.since);
        let lasts = lease
            .pointer("/spec/leaseDurationSeconds")
            .and_then(Value::as_u64)
            .map_or(LEASE, Duration::from_secs)
            .min(LONGEST);
        Self {
            holder: holder(lease).into(),
            revision: revision.into(),
            lasts,
            since,
        }
    }
}

pub(super) fn decide(seen: &Seen, identity: &str, now: Duration) -> Next {
    if seen.holder == identity {
        Next::Renew
    } else if seen.holder.is_empty() || now.saturating_sub(seen.since) >= seen.lasts {
        Next::Claim
    } else {
        Next::Wait
    }
}

/// Returns how long to wait for answers: a leader that hears nothing must become a standby in time.
pub(super) fn patience(renewed: Option<Duration>, now: Duration) -> Duration {
    let since = renewed.map_or(Duration::ZERO, |at| now.saturating_sub(at));
    RENEW_LIMIT.saturating_sub(since)
}

/// Whether a leader that last renewed at `renewed` must become a standby.
pub(super) fn is_lost(renewed: Option<Duration>, now: Duration) -> bool {
    renewed.is_none_or(|at| now.saturating_sub(at) >= RENEW_LIMIT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lease(holder: &str, revision: u32) -> Value {
        json!({
            "metadata": { "resourceVersion": revision.to_string() },
            "spec": { "holderIdentity": holder, "leaseDurationSeconds": 15 },
        })
    }

    fn secs(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_lease_is_respected_for_its_duration_and_not_a_second_longer() {
        let seen = Seen::new(&lease("other", 1), secs(100), None);
        assert_eq!(decide(&seen, "me", secs(114)), Next::Wait);
        assert_eq!(decide(&seen, "me", secs(115)), Next::Claim);
        let same = Seen::new(&lease("other", 1), secs(110), Some(seen.clone()));
        assert_eq!(decide(&same, "me", secs(115)), Next::Claim);
        let renewed = Seen::new(&lease("other", 2), secs(110), Some(seen));
        assert_eq!(decide(&renewed, "me", secs(124)), Next::Wait);
        assert_eq!(decide(&renewed, "me", secs(125)), Next::Claim);
    }

    #[test]
    fn a_lease_that_asks_for_years_is_respected_for_minutes() {
        let mut lease = lease("other", 1);
        lease["spec"]["leaseDurationSeconds"] = json!(2_147_483_647);
        let seen = Seen::new(&lease, secs(100), None);
        assert_eq!(decide(&seen, "me", secs(399)), Next::Wait);
        assert_eq!(decide(&seen, "me", secs(400)), Next::Claim);
    }

    #[test]
    fn what_is_mine_is_renewed_and_what_is_nobodys_is_claimed() {
        let mine = Seen::new(&lease("me", 1), secs(0), None);
        assert_eq!(decide(&mine, "me", secs(0)), Next::Renew);
        assert_eq!(decide(&mine, "me", secs(999)), Next::Renew);
        let nobodys = Seen::new(&lease("", 1), secs(0), None);
        assert_eq!(decide(&nobodys, "me", secs(0)), Next::Claim);
        let premade = Seen::new(&json!({ "metadata": {} }), secs(0), None);
        assert_eq!(decide(&premade, "me", secs(0)), Next::Claim);
    }

    #[test]
    fn a_leader_that_cannot_renew_stands_by_before_another_may_claim() {
        assert!(!is_lost(Some(secs(100)), secs(109)));
        assert!(is_lost(Some(secs(100)), secs(110)));
        assert!(is_lost(None, secs(0)));
        assert!(RENEW_LIMIT + RETRY <= LEASE);
        assert_eq!(patience(None, secs(7)), RENEW_LIMIT);
        assert_eq!(patience(Some(secs(100)), secs(104)), secs(6));
        assert_eq!(patience(Some(secs(100)), secs(111)), secs(0));
    }
}
