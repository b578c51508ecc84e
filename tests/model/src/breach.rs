//! The invariants of `ARCHITECTURE.md`, judged at every write that wins: what stood there, what stands there now.

use std::fmt;

use certgen::Fingerprint;

use crate::contents::{
    AuthorityContent, BundleContent, CaFacts, ChainFacts, GenerationFacts, ServingContent,
};

/// An invariant that a write broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Breach {
    /// I0: something is in use whose issuer no stored record holds.
    UsedBeforeStored,
    /// I1: a chain lacks a cross that joins two roots of the record, or a generation was made without one.
    CrossMissing,
    /// I2: a bundle lacks an older root of the record.
    RootMissing,
    /// I3: something was removed before every clock was past its end and the allowance.
    RemovedEarly,
    /// I4: a number, a start or an end went back, or a generation changed.
    WentBack,
    /// I5: a bundle was emptied.
    Emptied,
    /// I6: a chain was written that a valid root of the record, alone, refuses.
    ChainRefused,
    /// I8: something was made in place of what could not be read.
    MadeAnew,
    /// I10: something is trusted that is neither a root of the record nor stood there, or what bears a subject of ours stays.
    Infiltrated,
    /// The key of the active generation or its successor is gone, or the record cannot be read any more.
    KeyLost,
    /// The key of a superseded generation is still there.
    KeyKept,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UsedBeforeStored => "I0: in use before its record was stored",
            Self::CrossMissing => "I1: a chain lacks a cross of the record",
            Self::RootMissing => "I2: a bundle lacks an older root of the record",
            Self::RemovedEarly => "I3: removed before every clock was past its end",
            Self::WentBack => "I4: a number, a start or an end went back",
            Self::Emptied => "I5: a bundle was emptied",
            Self::ChainRefused => "I6: a chain was written that a root of the record refuses",
            Self::MadeAnew => "I8: made anew in place of what could not be read",
            Self::Infiltrated => {
                "I10: an attacker's certificate got into a bundle or a record, or an impostor stays"
            }
            Self::KeyLost => "a key that is still needed is gone",
            Self::KeyKept => "the key of a superseded generation is still there",
        })
    }
}

/// The time at which a write took place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The earliest that a caller's clock may say.
    pub(crate) earliest: i64,
    /// The clock allowance.
    pub(crate) allowance: i64,
}

impl Moment {
    fn may_remove(self, end: i64) -> bool {
        self.earliest > end.saturating_add(self.allowance)
    }
}

/// The authority record `old` became `new`.
pub(crate) fn of_authority(
    old: &AuthorityContent,
    new: &AuthorityContent,
    moment: Moment,
) -> Option<Breach> {
    if new.generations.is_empty() {
        return Some(Breach::KeyLost);
    }
    // Where somebody has one right there is nothing to be remembered.
    if new.record.expose("remembered").is_some() {
        return Some(Breach::Infiltrated);
    }
    let kept = |generation: &GenerationFacts| new.holds(generation.root);
    if !old.generations.is_empty() && !old.generations.iter().any(kept) {
        return Some(Breach::MadeAnew);
    }
    let mut gone = old
        .generations
        .iter()
        .filter(|generation| !kept(generation));
    if gone.any(|generation| !moment.may_remove(generation.facts.not_after)) {
        return Some(Breach::RemovedEarly);
    }
    let is_monotone = new.generations.is_sorted_by(|one, other| {
        one.number < other.number
            && one.facts.not_before <= other.facts.not_before
            && one.facts.not_after <= other.facts.not_after
    });
    let is_newer = |generation: &&GenerationFacts| !old.holds(generation.root);
    let skips = new.generations.iter().filter(is_newer);
    let mut skips = skips.filter(|generation| generation.number != old.newest().saturating_add(1));
    if !is_monotone
        || new.active < old.active
        || new.newest() < old.newest()
        || skips.next().is_some()
    {
        return Some(Breach::WentBack);
    }
    let mut pairs = new.generations.iter().zip(new.generations.iter().skip(1));
    let is_unjoined = |(before, after): (&GenerationFacts, &GenerationFacts)| {
        after.cross.is_none() && before.facts.not_after >= moment.earliest && is_newer(&after)
    };
    if pairs.any(is_unjoined) {
        return Some(Breach::CrossMissing);
    }
    let lost =
        |generation: &&GenerationFacts| generation.number >= new.active && !generation.has_key;
    let kept = |generation: &&GenerationFacts| generation.number < new.active && generation.has_key;
    if new.generations.iter().any(|generation| lost(&generation)) {
        return Some(Breach::KeyLost);
    }
    new.generations
        .iter()
        .any(|generation| kept(&generation))
        .then_some(Breach::KeyKept)
}

/// A serving record was written while `authority` was stored.
pub(crate) fn of_serving(
    old: &ServingContent,
    new: &ServingContent,
    authority: &AuthorityContent,
    moment: Moment,
) -> Option<Breach> {
    let Some(chain) = &new.chain else {
        return Some(Breach::ChainRefused);
    };
    let issuer = |serving: &ServingContent| {
        let entity = serving.chain.as_ref()?.leaf.issuer?;
        let mut generations = authority.generations.iter();
        generations.find(|generation| generation.facts.entity == entity)
    };
    let (before, Some(now)) = (issuer(old), issuer(new)) else {
        // The root of a leaf that ended may be forgotten before a slow write comes.
        let ended = chain.leaf.issuer.is_some() && moment.earliest > chain.leaf.not_after;
        return (!ended).then_some(Breach::UsedBeforeStored);
    };
    // Strictly, so that no content ever comes back.
    let reached = |chain: &ChainFacts, generation: &GenerationFacts| {
        let crosses = chain.crosses.len();
        (generation.number, chain.leaf.not_after, crosses)
    };
    let before = old.chain.as_ref().zip(before);
    if before.is_some_and(|(old, before)| reached(old, before) >= reached(chain, now)) {
        return Some(Breach::WentBack);
    }
    let lacks = |cross: Fingerprint| !chain.fingerprints.contains(&cross);
    let mut older = authority.generations.iter();
    older
        .any(|generation| generation.number <= now.number && generation.cross.is_some_and(lacks))
        .then_some(Breach::CrossMissing)
}

/// A target's bundle `old` became `new` while `authority` was stored.
pub(crate) fn of_target(
    old: &BundleContent,
    new: &BundleContent,
    authority: &AuthorityContent,
    moment: Moment,
    bears_a_subject_of_ours: impl Fn(&CaFacts) -> bool,
) -> Option<Breach> {
    if new.roots.is_empty() {
        return Some(Breach::Emptied);
    }
    let mut gone = old.roots.iter().filter(|(root, _)| !new.holds(*root));
    // The root may have been forgotten since the record was read.
    let is_impostor = |facts: &CaFacts| facts.is_foreign && bears_a_subject_of_ours(facts);
    if gone.any(|(_, facts)| !is_impostor(facts) && !moment.may_remove(facts.not_after)) {
        return Some(Breach::RemovedEarly);
    }
    let mut added = new.roots.iter().filter(|(root, _)| !old.holds(*root));
    let mut held = new.roots.iter();
    if added.clone().any(|(_, facts)| facts.is_foreign)
        || held.any(|(root, facts)| authority.is_impersonated_by(*root, facts))
    {
        return Some(Breach::Infiltrated);
    }
    if added.any(|(root, facts)| !authority.holds(*root) && moment.earliest <= facts.not_after) {
        return Some(Breach::UsedBeforeStored);
    }
    // The record that it was computed from may have grown since, at its new end only.
    let held = authority.generations.iter();
    let newest = held.filter(|generation| new.holds(generation.root));
    let newest = newest
        .map(|generation| generation.number)
        .max()
        .unwrap_or(0);
    let mut older = authority.generations.iter();
    older
        .any(|generation| generation.number <= newest && !new.holds(generation.root))
        .then_some(Breach::RootMissing)
}
