//! Foreign leaves: which of them a rotation waits for, and which foreign roots it remembers meanwhile.

use alloc::{collections::BTreeMap, vec::Vec};

use certgen::{Fingerprint, UnixTime};

use super::entry::Expected;
use crate::{
    judge::Judge,
    observation::{
        AuthorityView, EntrySeen, LeafView, Observation, RememberedRoot, TargetSeen, Verifier,
    },
    policy::Policy,
};

/// How many foreign roots the authority record remembers.
pub const REMEMBERED_CAP: usize = 8;
/// How many bytes all of them may take as PEM.
pub const REMEMBERED_BYTES_CAP: usize = 16 * 1024;

/// Whether `leaf` is foreign and valid, and callers may rely on it: an entry that was read, or a remembered root,
/// verifies it, or an entry that could not be read may.
pub(super) fn is_relied_on(leaf: &LeafView, observed: &Observation, judge: &Judge) -> bool {
    is_valid(leaf, judge)
        && (observed
            .targets
            .iter()
            .any(|target| target.seen == TargetSeen::Unreadable)
            || verifiers(leaf, judge).any(|(root, _)| stands_somewhere(&root, observed)))
}

/// Whether callers may rely on a foreign leaf in any serving record that was read.
pub(super) fn any_is_relied_on(observed: &Observation, judge: &Judge) -> bool {
    leaves(observed).any(|leaf| is_relied_on(leaf, observed, judge))
}

/// The foreign roots that the record should remember: those that it does, until the leaf that each verified has surely
/// expired; and each that verifies a leaf in place and is in every usable entry. One for each subject and key.
pub(super) fn remembered(
    observed: &Observation,
    authority: &AuthorityView,
    expected: &Expected<'_>,
    policy: &Policy,
    judge: &Judge,
) -> BTreeMap<Fingerprint, UnixTime> {
    let allowance = policy.durations().clock_allowance;
    let known = authority.remembered.iter();
    let known = known.filter(|(_, root)| !judge.may_be_removed(root.until, allowance));
    let mut roots: BTreeMap<_, _> = known.map(|(root, known)| (*root, *known)).collect();
    for (root, found) in candidates(observed, expected, judge) {
        let same_issuer = roots
            .iter()
            .any(|(other, known)| *other != root && known.issuer == found.issuer);
        if let Some(known) = roots.get_mut(&root) {
            known.until = known.until.max(found.until);
        } else if !same_issuer && fits(&roots, &found) {
            roots.insert(root, found);
        }
    }
    let roots = roots.into_iter();
    roots.map(|(root, known)| (root, known.until)).collect()
}

/// The candidates, the latest-expiring first, so that the record remembers that one of several with one issuer.
fn candidates(
    observed: &Observation,
    expected: &Expected<'_>,
    judge: &Judge,
) -> Vec<(Fingerprint, RememberedRoot)> {
    let served = leaves(observed).filter(|leaf| is_valid(leaf, judge));
    let found = served.flat_map(|leaf| {
        verifiers(leaf, judge).map(|(root, verifier)| {
            let remembered = RememberedRoot {
                until: leaf.not_after,
                issuer: verifier.issuer,
                size: verifier.size,
            };
            (verifier.not_after, root, remembered)
        })
    });
    let mut found: Vec<_> = found
        .filter(|(_, root, _)| stands_in_every_usable_entry(root, observed, expected))
        .collect();
    found.sort_by_key(|(not_after, root, _)| (core::cmp::Reverse(*not_after), *root));
    let found = found.into_iter();
    found
        .map(|(_, root, remembered)| (root, remembered))
        .collect()
}

fn fits(roots: &BTreeMap<Fingerprint, RememberedRoot>, found: &RememberedRoot) -> bool {
    let sizes = roots.values().map(|root| root.size);
    roots.len() < REMEMBERED_CAP
        && sizes.fold(found.size, usize::saturating_add) <= REMEMBERED_BYTES_CAP
}

/// Whether a foreign root is in at least one entry, and in each that is usable. A target that could not be read may
/// have an entry without it.
fn stands_in_every_usable_entry(
    root: &Fingerprint,
    observed: &Observation,
    expected: &Expected<'_>,
) -> bool {
    let mut stands = false;
    for target in &observed.targets {
        let entries = match &target.seen {
            TargetSeen::Unreadable => return false,
            TargetSeen::Absent => continue,
            TargetSeen::Readable(entries) => entries,
        };
        for entry in entries.values() {
            match held(entry, root) {
                Some(subject) if expected.is_ours(&subject) => return false,
                Some(_) => stands = true,
                None if expected.is_unusable(entry) => {}
                None => return false,
            }
        }
    }
    stands
}

fn stands_somewhere(root: &Fingerprint, observed: &Observation) -> bool {
    let authority = observed.authority.present();
    authority.is_some_and(|authority| authority.remembered.contains_key(root))
        || observed
            .targets
            .iter()
            .any(|target| target.holds_somewhere(root))
}

/// The subject of `root`, if `entry` contains it.
fn held(entry: &EntrySeen, root: &Fingerprint) -> Option<Fingerprint> {
    match entry {
        EntrySeen::Broken => None,
        EntrySeen::Holds(anchors) => anchors.get(root).map(|anchor| anchor.subject),
    }
}

/// The leaves of the serving records that were read.
fn leaves(observed: &Observation) -> impl Iterator<Item = &LeafView> {
    let serving = observed.serving.iter();
    serving.filter_map(|serving| serving.seen.present()?.leaf.as_ref())
}

fn is_valid(leaf: &LeafView, judge: &Judge) -> bool {
    leaf.generation.is_none()
        && judge.has_started(leaf.not_before)
        && !judge.has_ended(leaf.not_after)
}

/// The certificates that verify `leaf` now.
fn verifiers<'a>(
    leaf: &'a LeafView,
    judge: &'a Judge,
) -> impl Iterator<Item = (Fingerprint, &'a Verifier)> {
    let verifiers = leaf.verifiers.iter().filter(|(_, verifier)| {
        judge.has_started(verifier.not_before) && !judge.has_ended(verifier.not_after)
    });
    verifiers.map(|(root, verifier)| (*root, verifier))
}
