//! Rule 8: the leaf of one serving record.

use certgen::ServerNames;

use super::{Action, Decision, LeafReason, NewLeaf, Urgency, Why, foreign};
use crate::{
    judge::Judge,
    observation::{AuthorityView, LeafView, Observation, Seen, ServingObservation},
    policy::Policy,
};

pub(super) fn decide(
    serving: &ServingObservation,
    observed: &Observation,
    policy: &Policy,
    judge: &Judge,
) -> Decision {
    let present = match &serving.seen {
        Seen::Failed => return Decision::Wait(Why::ReadFailed),
        Seen::Absent => None,
        Seen::Present(view) => view.leaf.as_ref(),
    };
    let Some(authority) = observed.authority.present() else {
        return Decision::Wait(Why::NoAuthority);
    };
    let is_relied_on = present.is_some_and(|leaf| foreign::is_relied_on(leaf, observed, judge));
    let case = Case {
        serving,
        authority,
        policy,
        judge,
        is_relied_on,
    };
    let Some(leaf) = present else {
        return case.issue(None, LeafReason::Missing);
    };
    if is_relied_on && !case.grace_is_over(leaf, observed) {
        return Decision::Wait(Why::ForeignLeaf);
    }
    match case.reason(leaf) {
        None => Decision::Wait(Why::Settled),
        Some(reason) => case.issue(Some(leaf), reason),
    }
}

/// Some callers read no more than 64 KiB of certificates; names may take half of that.
const LONGEST_NAMES: usize = 32 * 1024;

/// The approximate size of the names in a certificate, in bytes.
fn size(names: &ServerNames) -> usize {
    let dns = names.dns().iter().map(|name| name.as_str().len());
    let beside = names.ips().len().saturating_mul(16);
    dns.fold(beside, |sum, length| {
        sum.saturating_add(length).saturating_add(2)
    })
}

/// What the decision about one serving record rests on, besides its leaf.
struct Case<'a> {
    serving: &'a ServingObservation,
    authority: &'a AuthorityView,
    policy: &'a Policy,
    judge: &'a Judge,
    /// Whether the leaf in place is foreign, and callers may rely on it.
    is_relied_on: bool,
}

impl Case<'_> {
    /// Why `leaf` is unfit or due, if it is.
    fn reason(&self, leaf: &LeafView) -> Option<LeafReason> {
        // Asks every question about time, so that each deadline is noted.
        let started = self.judge.has_started(leaf.not_before);
        let renew_before = self.policy.durations().leaf_renew_before;
        let due = self.judge.less_remains(leaf.not_after, renew_before);
        match leaf.generation {
            None => Some(LeafReason::Foreign),
            Some(generation) if generation < self.authority.active.number => {
                Some(LeafReason::Generation)
            }
            Some(_) if !started => Some(LeafReason::NotStarted),
            Some(_) if !leaf.names.contains_all(&self.serving.wanted) => Some(LeafReason::Names),
            Some(_) if due => Some(LeafReason::Expiry),
            Some(_) if !self.has_every_cross(leaf) => Some(LeafReason::Crosses),
            Some(_) => None,
        }
    }

    /// Issues a new leaf if it would be better than the present one.
    fn issue(&self, present: Option<&LeafView>, reason: LeafReason) -> Decision {
        let active = &self.authority.active;
        let lifetime = self.policy.durations().leaf_lifetime;
        let latest = self.judge.now().latest();
        let not_after = latest.saturating_add(lifetime).min(active.not_after);
        let names = self.names(present);

        let ends_later = |leaf: &LeafView| {
            leaf.not_after < active.not_after && self.judge.less_remains(leaf.not_after, lifetime)
        };
        let differs = |leaf: &LeafView| {
            leaf.generation != Some(active.number)
                || leaf.names != names
                || leaf.algorithm != Some(self.policy.algorithm())
                || !self.has_every_cross(leaf)
        };
        let better = present.is_none_or(|leaf| ends_later(leaf) || differs(leaf));
        let alive = !self.judge.has_ended(active.not_after)
            || present.is_some_and(|leaf| leaf.not_after < not_after);
        let lives = active.not_before < active.not_after
            && self.judge.less_remains(active.not_before, lifetime);
        if !better || !alive || !lives {
            return Decision::Wait(Why::NothingBetter);
        }
        if !not_after.is_expressible() || !active.not_before.is_expressible() {
            return Decision::Wait(Why::InexpressibleTime);
        }
        // Another writer may put the same content back as soon as it is replaced.
        let is_another_writers = matches!(reason, LeafReason::Missing | LeafReason::Foreign);
        if is_another_writers && !self.serving.pause.is_zero() {
            self.judge.note(self.serving.pause);
            return Decision::Wait(Why::Undone);
        }
        Decision::Act(Action::IssueLeaf(NewLeaf {
            record: self.serving.record.clone(),
            generation: active.number,
            names,
            not_after,
            reason,
            urgency: self.urgency(present),
        }))
    }

    /// The wanted names, and those of the present leaf, so that two versions of an operator never take a name from each
    /// other. Leaves out the latter if they are so many that callers could not read the new leaf; and always those of a
    /// foreign leaf, or permission to write the record would be permission to have any name signed.
    fn names(&self, present: Option<&LeafView>) -> ServerNames {
        let wanted = &self.serving.wanted;
        let ours = present.filter(|leaf| leaf.generation.is_some());
        let both = ours.map(|leaf| leaf.names.union(wanted));
        let both = both.filter(|both| size(both) <= LONGEST_NAMES);
        both.unwrap_or_else(|| wanted.clone())
    }

    fn urgency(&self, present: Option<&LeafView>) -> Urgency {
        let late = self.policy.durations().leaf_renew_before / 2;
        match present {
            None => Urgency::Broken,
            Some(leaf) if self.judge.less_remains(leaf.not_after, late) => Urgency::Late,
            Some(leaf) if !self.judge.has_started(leaf.not_before) => Urgency::Late,
            // No caller accepts it.
            Some(leaf) if leaf.generation.is_none() && !self.is_relied_on => Urgency::Broken,
            Some(_) => Urgency::Routine,
        }
    }

    fn has_every_cross(&self, leaf: &LeafView) -> bool {
        leaf.crosses
            .is_superset(&self.authority.crosses_of_active())
    }

    /// Whether the grace period of a foreign leaf is over. No cross joins a foreign issuer to ours, so only the time
    /// for which every target has contained our root protects the switch.
    fn grace_is_over(&self, leaf: &LeafView, observed: &Observation) -> bool {
        let durations = self.policy.durations();
        let dwelled = self.authority.mark.is_some_and(|mark| {
            self.judge
                .surely_reached(mark.saturating_add(durations.dwell))
        });
        let root = &self.authority.active.root;
        let held = observed
            .targets
            .iter()
            .all(|target| target.holds_if_readable(root));
        let late = durations.leaf_renew_before / 2;
        (dwelled && held) || self.judge.less_remains(leaf.not_after, late)
    }
}
