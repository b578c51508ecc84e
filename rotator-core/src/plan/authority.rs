//! Rules 1 to 7: the generations of the authority.

use alloc::{collections::BTreeMap, vec::Vec};
use core::time::Duration;

use certgen::{Fingerprint, UnixTime};

use super::{Action, Decision, NewRoot, Urgency, Why, entry::Expected, foreign};
use crate::{
    judge::Judge,
    observation::{AuthorityView, Observation, Seen, TargetSeen},
    policy::{GENERATION_CAP, Policy},
};

pub(super) fn decide(
    observed: &Observation,
    expected: Option<&Expected<'_>>,
    policy: &Policy,
    judge: &Judge,
) -> Decision {
    let authority = match &observed.authority {
        Seen::Failed => return Decision::Wait(Why::ReadFailed),
        Seen::Absent => {
            return created(
                new_root(None, policy, judge, Urgency::Broken),
                Action::CreateAuthority,
            );
        }
        Seen::Present(authority) => authority,
    };
    if authority.mark.is_some() && mark_is_void(observed, authority, judge) {
        return Decision::Act(Action::Unmark);
    }
    let decision = match &authority.successor {
        None => succession(authority, policy, judge),
        Some(_) => promotion(observed, authority, policy, judge),
    };
    if let Decision::Act(_) = decision {
        return decision;
    }
    let remembering = expected.and_then(|expected| {
        let wanted = foreign::remembered(observed, authority, expected, policy, judge);
        remembering(authority, wanted)
    });
    if let Some(remembering) = remembering {
        return remembering;
    }
    if mark_is_due(observed, authority, judge) {
        return Decision::Act(Action::Mark {
            at: judge.now().latest(),
        });
    }
    forgetting(authority, policy, judge).unwrap_or(decision)
}

/// Creates a successor when one is due: rules 2 and 4.
fn succession(authority: &AuthorityView, policy: &Policy, judge: &Judge) -> Decision {
    let durations = policy.durations();
    let active = &authority.active;
    let at_cap = authority.generations().count() >= GENERATION_CAP;
    let reserve = if at_cap {
        durations.leaf_renew_before
    } else {
        durations.leaf_lifetime
    } + durations.dwell;
    let scheduled = durations
        .ca_lifetime
        .saturating_sub(durations.ca_renew_after);
    let in_future = !judge.has_started(active.not_before);
    let late = in_future || judge.less_remains(active.not_after, durations.leaf_lifetime);

    if in_future
        || judge.less_remains(active.not_after, reserve)
        || (!at_cap && judge.less_remains(active.not_after, scheduled))
    {
        let urgency = if late {
            Urgency::Late
        } else {
            Urgency::Routine
        };
        return created(
            new_root(Some(authority), policy, judge, urgency),
            Action::CreateSuccessor,
        );
    }
    Decision::Wait(Why::Settled)
}

/// Promotes the successor when it is due: rules 3 and 5.
fn promotion(
    observed: &Observation,
    authority: &AuthorityView,
    policy: &Policy,
    judge: &Judge,
) -> Decision {
    let durations = policy.durations();
    let Some(successor) = &authority.successor else {
        return Decision::Wait(Why::Settled);
    };
    let active = &authority.active;
    let promote = |urgency| {
        Decision::Act(Action::Promote {
            generation: successor.number,
            urgency,
        })
    };
    if !judge.has_started(active.not_before)
        || judge.less_remains(active.not_after, durations.leaf_lifetime)
    {
        return promote(Urgency::Late);
    }
    let dwelled = judge.at_most_remains(
        successor.not_after,
        durations.ca_lifetime.saturating_sub(durations.dwell),
    );
    if dwelled
        && observed
            .targets
            .iter()
            .all(|target| target.holds_if_readable(&successor.root))
    {
        return promote(Urgency::Routine);
    }
    Decision::Wait(Why::Dwelling)
}

/// Whether to remove the mark: rule 1b. A serving record that was not read may contain a foreign leaf, which then
/// counts as relied on.
fn mark_is_void(observed: &Observation, authority: &AuthorityView, judge: &Judge) -> bool {
    let mut serving = observed.serving.iter();
    let is_relied_on = serving.any(|serving| serving.seen == Seen::Failed)
        || foreign::any_is_relied_on(observed, judge);
    !is_relied_on
        || !observed
            .targets
            .iter()
            .all(|target| target.holds_if_readable(&authority.active.root))
}

/// Changes what the record remembers: rule 5b.
fn remembering(
    authority: &AuthorityView,
    wanted: BTreeMap<Fingerprint, UnixTime>,
) -> Option<Decision> {
    let known = authority.remembered.iter();
    let known: BTreeMap<_, _> = known.map(|(root, it)| (*root, it.until)).collect();
    (known != wanted).then_some(Decision::Act(Action::Remember { roots: wanted }))
}

/// Whether to mark the time: rule 6.
fn mark_is_due(observed: &Observation, authority: &AuthorityView, judge: &Judge) -> bool {
    authority.mark.is_none()
        && foreign::any_is_relied_on(observed, judge)
        && observed.targets.iter().all(|target| {
            target.seen != TargetSeen::Unreadable
                && target.holds_if_readable(&authority.active.root)
        })
}

/// Forgets superseded roots that expired: rule 7.
fn forgetting(authority: &AuthorityView, policy: &Policy, judge: &Judge) -> Option<Decision> {
    let allowance = policy.durations().clock_allowance;
    let ended = authority
        .superseded
        .iter()
        .filter(|generation| judge.may_be_removed(generation.not_after, allowance));
    let generations: Vec<_> = ended.map(|generation| generation.number).collect();
    (!generations.is_empty()).then_some(Decision::Act(Action::Forget { generations }))
}

/// The next root. It becomes valid and expires no earlier than the newest root that has become valid: a root that is
/// not yet valid was made while the witness was wrong, and does not bind its successor.
fn new_root(
    authority: Option<&AuthorityView>,
    policy: &Policy,
    judge: &Judge,
    urgency: Urgency,
) -> Option<NewRoot> {
    let now = judge.now();
    let newest = authority.map(AuthorityView::newest);
    let started = authority.and_then(|authority| {
        authority
            .generations()
            .filter(|generation| now.latest() >= generation.not_before)
            .max_by_key(|generation| generation.number)
    });
    let not_before = now.earliest().saturating_sub(policy.backdating());
    let not_after = now.latest().saturating_add(policy.durations().ca_lifetime);
    let root = NewRoot {
        generation: newest.map_or(Some(1), |newest| newest.number.checked_add(1))?,
        not_before: started.map_or(not_before, |started| not_before.max(started.not_before)),
        not_after: started.map_or(not_after, |started| not_after.max(started.not_after)),
        crossed: false,
        urgency,
    };
    let crossed = newest
        .is_some_and(|newest| newest.not_after.saturating_since(root.not_before) > Duration::ZERO);
    let expressible = root.not_before.is_expressible() && root.not_after.is_expressible();
    expressible.then_some(NewRoot { crossed, ..root })
}

fn created(root: Option<NewRoot>, action: impl FnOnce(NewRoot) -> Action) -> Decision {
    root.map_or(Decision::Wait(Why::InexpressibleTime), |root| {
        Decision::Act(action(root))
    })
}
