//! Rule 8: the leaf of one serving record.

use certgen::ServerNames;

use super::{Action, Decision, LeafReason, NewLeaf, Urgency, Why};
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
    let Some(leaf) = present else {
        return issue(serving, None, LeafReason::Missing, authority, policy, judge);
    };
    if is_valid_foreign(leaf, judge) && !grace_is_over(leaf, observed, authority, policy, judge) {
        return Decision::Wait(Why::ForeignLeaf);
    }
    match reason(leaf, &serving.wanted, authority, policy, judge) {
        None => Decision::Wait(Why::Settled),
        Some(reason) => issue(serving, Some(leaf), reason, authority, policy, judge),
    }
}

/// Why `leaf` is unfit or due, if it is.
fn reason(
    leaf: &LeafView,
    wanted: &ServerNames,
    authority: &AuthorityView,
    policy: &Policy,
    judge: &Judge,
) -> Option<LeafReason> {
    // Every question of time is asked, so that each one's deadline is noted.
    let started = judge.has_started(leaf.not_before);
    let due = judge.less_remains(leaf.not_after, policy.durations().leaf_renew_before);
    match leaf.generation {
        None => Some(LeafReason::Foreign),
        Some(generation) if generation < authority.active.number => Some(LeafReason::Generation),
        Some(_) if !started => Some(LeafReason::NotStarted),
        Some(_) if !leaf.names.contains_all(wanted) => Some(LeafReason::Names),
        Some(_) if due => Some(LeafReason::Expiry),
        Some(_) if !leaf.crosses.is_superset(&authority.crosses_of_active()) => {
            Some(LeafReason::Crosses)
        }
        Some(_) => None,
    }
}

/// Asks for a new leaf if it would be better than the present one.
fn issue(
    serving: &ServingObservation,
    present: Option<&LeafView>,
    reason: LeafReason,
    authority: &AuthorityView,
    policy: &Policy,
    judge: &Judge,
) -> Decision {
    let active = &authority.active;
    let lifetime = policy.durations().leaf_lifetime;
    let not_after = judge
        .now()
        .latest()
        .saturating_add(lifetime)
        .min(active.not_after);
    let names = present.map_or_else(
        || serving.wanted.clone(),
        |leaf| leaf.names.union(&serving.wanted),
    );

    let ends_later = |leaf: &LeafView| {
        leaf.not_after < active.not_after && judge.less_remains(leaf.not_after, lifetime)
    };
    let differs = |leaf: &LeafView| {
        leaf.generation != Some(active.number)
            || leaf.names != names
            || leaf.algorithm != Some(policy.algorithm())
            || !leaf.crosses.is_superset(&authority.crosses_of_active())
    };
    let better = present.is_none_or(|leaf| ends_later(leaf) || differs(leaf));
    let alive = !judge.has_ended(active.not_after)
        || present.is_some_and(|leaf| leaf.not_after < not_after);
    if !better || !alive || not_after <= active.not_before {
        return Decision::Wait(Why::NothingBetter);
    }
    if !not_after.is_expressible() || !active.not_before.is_expressible() {
        return Decision::Wait(Why::InexpressibleTime);
    }
    Decision::Act(Action::IssueLeaf(NewLeaf {
        record: serving.record.clone(),
        generation: active.number,
        names,
        not_after,
        reason,
        urgency: urgency(present, policy, judge),
    }))
}

fn urgency(present: Option<&LeafView>, policy: &Policy, judge: &Judge) -> Urgency {
    match present {
        None => Urgency::Broken,
        Some(leaf)
            if judge.less_remains(leaf.not_after, policy.durations().leaf_renew_before / 2) =>
        {
            Urgency::Late
        }
        Some(leaf) if !judge.has_started(leaf.not_before) => Urgency::Late,
        Some(_) => Urgency::Routine,
    }
}

fn is_valid_foreign(leaf: &LeafView, judge: &Judge) -> bool {
    leaf.generation.is_none()
        && judge.has_started(leaf.not_before)
        && !judge.has_ended(leaf.not_after)
}

/// Between a foreign issuer and ours there is no cross, so the time that our root has stood in every target is
/// all that protects the switch.
fn grace_is_over(
    leaf: &LeafView,
    observed: &Observation,
    authority: &AuthorityView,
    policy: &Policy,
    judge: &Judge,
) -> bool {
    let durations = policy.durations();
    let dwelled = authority
        .mark
        .is_some_and(|mark| judge.surely_reached(mark.saturating_add(durations.dwell)));
    let held = observed
        .targets
        .iter()
        .all(|target| target.holds_if_readable(&authority.active.root));
    (dwelled && held) || judge.less_remains(leaf.not_after, durations.leaf_renew_before / 2)
}
