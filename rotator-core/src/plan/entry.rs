//! What an entry must contain, may contain, and is unusable with.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{cell::OnceCell, cmp::Reverse};

use certgen::Fingerprint;

use crate::{
    judge::Judge,
    observation::{AnchorView, AuthorityView, EntrySeen, LeafView, Observation, Seen, ServingView},
    policy::Policy,
};

/// How many foreign certificates an entry keeps. Go's verifier gives up after a hundred candidates; for each
/// certificate of a path it tries those of one subject.
pub const FOREIGN_CAP: usize = 16;
/// How many of them may have one subject.
pub const FOREIGN_SUBJECT_CAP: usize = 4;
/// How many bytes all of them may take as PEM. An object may have 1.5 MiB, with entries beside this one.
pub const FOREIGN_BYTES_CAP: usize = 64 * 1024;

/// What an entry shall contain.
pub(super) struct Content {
    pub(super) certificates: BTreeSet<Fingerprint>,
    /// What it contained, has not expired, and is not kept nevertheless.
    pub(super) left_out: BTreeSet<Fingerprint>,
}

/// The standard for every entry of every target: the same for all, so one decision computes it once.
pub(super) struct Expected<'a> {
    authority: &'a AuthorityView,
    observed: &'a Observation,
    policy: &'a Policy,
    judge: &'a Judge,
    roots: BTreeSet<Fingerprint>,
    subjects: BTreeSet<Fingerprint>,
    needed: BTreeSet<Fingerprint>,
    accepting: OnceCell<Vec<BTreeSet<Fingerprint>>>,
}

impl<'a> Expected<'a> {
    pub(super) fn new(
        authority: &'a AuthorityView,
        observed: &'a Observation,
        policy: &'a Policy,
        judge: &'a Judge,
    ) -> Self {
        let roots = authority.roots();
        let allowance = policy.durations().clock_allowance;
        let remembered = authority.remembered.iter();
        let remembered =
            remembered.filter(|(_, root)| !judge.may_be_removed(root.until, allowance));
        let needed = remembered.map(|(root, _)| *root).chain(roots.clone());
        Self {
            needed: needed.collect(),
            subjects: authority.subjects(),
            roots,
            authority,
            observed,
            policy,
            judge,
            accepting: OnceCell::new(),
        }
    }

    /// Every root of the record, and the foreign roots that it remembers.
    pub(super) fn needed(&self) -> &BTreeSet<Fingerprint> {
        &self.needed
    }

    /// Whether `entry` needs no write.
    pub(super) fn is_met_by(&self, entry: &EntrySeen) -> bool {
        match entry {
            EntrySeen::Broken => false,
            EntrySeen::Holds(anchors) => {
                let holds_all = self.needed.iter().all(|root| anchors.contains_key(root));
                holds_all
                    && (anchors.len() == self.needed.len()
                        || (!self.holds_an_impostor(anchors) && !self.holds_too_many(anchors)))
            }
        }
    }

    /// Whether callers of `entry` refuse what is served now, or can be made to refuse it.
    pub(super) fn is_unusable(&self, entry: &EntrySeen) -> bool {
        match entry {
            EntrySeen::Broken => true,
            EntrySeen::Holds(anchors) => {
                let holds_one_of =
                    |roots: &BTreeSet<_>| roots.iter().any(|root| anchors.contains_key(root));
                !self.accepting().iter().any(holds_one_of)
                    || self.holds_an_impostor(anchors)
                    || self.holds_too_many(anchors)
            }
        }
    }

    /// Whether a chain that the active generation signs needs a cross to verify under `entry`.
    pub(super) fn lacks_the_active_root(&self, entry: &EntrySeen) -> bool {
        match entry {
            EntrySeen::Broken => true,
            EntrySeen::Holds(anchors) => !anchors.contains_key(&self.authority.active.root),
        }
    }

    /// Whether a certificate with this subject can only be a root of the record.
    pub(super) fn is_ours(&self, subject: &Fingerprint) -> bool {
        self.subjects.contains(subject)
    }

    /// What is needed, and what `entry` contained and may still be valid: removing a certificate that we do not know
    /// could break a server of another party.
    ///
    /// Beyond the bounds, certificates that other writers put back less often are left out first, and of those the ones
    /// that expire last; so two installations that share an entry settle.
    pub(super) fn content(
        &self,
        entry: &EntrySeen,
        returned: &BTreeMap<Fingerprint, u32>,
    ) -> Content {
        let mut content = Content {
            certificates: self.needed.clone(),
            left_out: BTreeSet::new(),
        };
        let EntrySeen::Holds(anchors) = entry else {
            return content;
        };
        let allowance = self.policy.durations().clock_allowance;
        let mut alive: Vec<_> = self
            .foreign(anchors)
            .filter(|(_, anchor)| !self.judge.may_be_removed(anchor.not_after, allowance))
            .collect();
        alive.sort_by_key(|(fingerprint, anchor)| {
            let returned = returned.get(*fingerprint).copied();
            let returned = Reverse(returned.unwrap_or_default());
            (returned, anchor.not_after, **fingerprint)
        });
        let mut bounds = Bounds::default();
        for (fingerprint, anchor) in alive {
            if !self.is_ours(&anchor.subject) && bounds.admit(anchor) {
                content.certificates.insert(*fingerprint);
            } else {
                content.left_out.insert(*fingerprint);
            }
        }
        content
    }

    fn foreign<'b>(
        &'b self,
        anchors: &'b BTreeMap<Fingerprint, AnchorView>,
    ) -> impl Iterator<Item = (&'b Fingerprint, &'b AnchorView)> {
        let foreign = anchors.iter();
        foreign.filter(|(fingerprint, _)| !self.needed.contains(fingerprint))
    }

    /// Whether there is an impostor: a verifier would try it in the place of a root of the record.
    fn holds_an_impostor(&self, anchors: &BTreeMap<Fingerprint, AnchorView>) -> bool {
        self.foreign(anchors).any(|(fingerprint, anchor)| {
            self.is_ours(&anchor.subject) && !self.roots.contains(fingerprint)
        })
    }

    fn holds_too_many(&self, anchors: &BTreeMap<Fingerprint, AnchorView>) -> bool {
        let mut bounds = Bounds::default();
        !self
            .foreign(anchors)
            .all(|(_, anchor)| bounds.admit(anchor))
    }

    /// For each serving record, the roots that verify its chain now; the active root where nothing of ours is served.
    fn accepting(&self) -> &[BTreeSet<Fingerprint>] {
        self.accepting.get_or_init(|| {
            let serving = self.observed.serving.iter();
            let roots = serving.map(|serving| match &serving.seen {
                Seen::Present(ServingView { leaf: Some(leaf) }) => self.roots_of(leaf),
                Seen::Present(_) | Seen::Absent | Seen::Failed => self.active(),
            });
            let roots: Vec<_> = roots.collect();
            if roots.is_empty() {
                [self.active()].into()
            } else {
                roots
            }
        })
    }

    fn active(&self) -> BTreeSet<Fingerprint> {
        [self.authority.active.root].into()
    }

    /// The roots that verify `leaf`: its own generation's, and those to which its crosses lead.
    fn roots_of(&self, leaf: &LeafView) -> BTreeSet<Fingerprint> {
        let Some(mut expected) = leaf.generation else {
            return self.active();
        };
        let mut roots = BTreeSet::new();
        let generations: Vec<_> = self.authority.generations().collect();
        let issuers = generations
            .into_iter()
            .rev()
            .skip_while(|generation| Some(generation.number) != leaf.generation);
        for generation in issuers {
            if generation.number != expected {
                break;
            }
            if self.judge.has_started(generation.not_before)
                && !self.judge.has_ended(generation.not_after)
            {
                roots.insert(generation.root);
            }
            let leads_on = generation
                .cross
                .is_some_and(|it| leaf.crosses.contains(&it));
            match expected.checked_sub(1).filter(|_| leads_on) {
                Some(before) => expected = before,
                None => break,
            }
        }
        roots
    }
}

/// The foreign certificates of an entry that were admitted so far.
#[derive(Default)]
struct Bounds {
    count: usize,
    bytes: usize,
    of_subject: BTreeMap<Fingerprint, usize>,
}

impl Bounds {
    /// Whether one more fits; if so, counts it.
    fn admit(&mut self, anchor: &AnchorView) -> bool {
        let same = self.of_subject.get(&anchor.subject).copied();
        let same = same.unwrap_or_default();
        let bytes = self.bytes.saturating_add(anchor.size);
        if self.count >= FOREIGN_CAP || same >= FOREIGN_SUBJECT_CAP || bytes > FOREIGN_BYTES_CAP {
            return false;
        }
        self.count = self.count.saturating_add(1);
        self.bytes = bytes;
        self.of_subject
            .insert(anchor.subject, same.saturating_add(1));
        true
    }
}
