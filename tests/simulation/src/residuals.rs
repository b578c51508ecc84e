//! What is promised in a life, and which refusals are accounted for: those that are none of ours occur after something else caused them, and never before.

use std::collections::BTreeSet;

use crate::{
    judge::{Promise, Refused},
    script::{Attack, Event, Script, Setup},
    world::seconds,
};

/// The refusals that need no event to cause them.
pub(crate) fn accounted_from_the_start(setup: &Setup) -> BTreeSet<Refused> {
    // Whoever never looks again is promised nothing.
    let mut accounted = BTreeSet::from([
        Refused::NoBundleYet,
        Refused::FrozenCaller,
        Refused::FrozenReplica,
    ]);
    if setup.installations.len() > 1 || setup.taken_over.is_some() {
        accounted.insert(Refused::OtherHistory);
    }
    let mut installations = setup.installations.iter();
    if installations.any(|installation| !installation.unlisted.is_empty()) {
        accounted.insert(Refused::Unattended);
    }
    accounted
}

/// The refusals that this event can cause from now on.
pub(crate) fn accounted_by(event: &Event) -> &'static [Refused] {
    match event {
        Event::Run(run) if run.lie.is_some() => &[Refused::AfterALie],
        Event::Spoil { .. } | Event::Create { .. } | Event::Revert { .. } => &[Refused::Emptied],
        Event::Attack(_) => &[Refused::Attacked],
        Event::Fight { .. } => &[Refused::Emptied, Refused::Unattended],
        Event::ForbidTarget { .. } | Event::Delist { .. } => &[Refused::Unattended],
        Event::Replace { .. } => &[Refused::ForeignBundle],
        Event::ForbidServing { .. } => &[Refused::Unwritable],
        Event::LoseAuthority { .. } | Event::RestoreAuthority { .. } => &[Refused::OtherHistory],
        Event::GarbleAuthority { .. } => &[Refused::OtherHistory, Refused::NobodyWrote],
        _ => &[],
    }
}

/// What is promised while nothing touches the authority's record but its controllers, and their clocks are right. None
/// if there are two records, or no time is left by the policies that it is made under.
pub(crate) fn promise(script: &Script) -> Option<Promise> {
    let [first] = &*script.setup.installations else {
        return None;
    };
    let later = script.events.iter().filter_map(|timed| timed.event.rules());
    let all = || {
        later
            .clone()
            .chain([&first.rules])
            .map(|rules| rules.durations)
    };
    let life = all().map(|durations| durations.ca_lifetime).min()?;
    let active = all().map(|durations| durations.ca_renew_after).max()?;
    let leaf = all().map(|durations| durations.leaf_lifetime).max()?;
    let renewal = all().map(|durations| durations.leaf_renew_before).min()?;
    Some(Promise {
        window: seconds(life.checked_sub(active + leaf)?),
        reserve: seconds(renewal) / 4,
    })
}

/// Whether nothing is promised after it.
pub(crate) fn ends_the_promise(event: &Event) -> bool {
    match event {
        Event::Run(run) => run.lie.is_some(),
        Event::Attack(attack) => matches!(attack, Attack::Lease),
        Event::LoseAuthority { .. }
        | Event::RestoreAuthority { .. }
        | Event::GarbleAuthority { .. } => true,
        _ => false,
    }
}
