//! An installation without certificates: fingerprints and dates, and what an action changes of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use certgen::{Fingerprint, ServerNames, UnixTime};
use rotator_core::{
    Action, AnchorView, AuthorityView, EntryName, EntrySeen, GenerationView, Lane, LeafView,
    NewLeaf, NewRoot, Observation, Plan, Policy, Publication, RecordName, RememberedRoot, Seen,
    ServingObservation, ServingView, TargetObservation, TargetRef, TargetSeen, TimeBounds, Undone,
    Verifier, plan,
};

use crate::laws;

/// What an entry holds; nothing: it is broken.
pub(crate) type Held = BTreeMap<Fingerprint, AnchorView>;

/// All that is, and what was.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) now: TimeBounds,
    pub(crate) authority: Option<AuthorityView>,
    pub(crate) serving: Vec<Server>,
    /// By number; none: it does not exist.
    pub(crate) targets: Vec<Option<BTreeMap<u8, Held>>>,
    failing: BTreeSet<Lane>,
    holds: BTreeMap<Lane, Duration>,
    undone: BTreeMap<TargetRef, Duration>,
    pauses: BTreeMap<RecordName, Duration>,
    backups: Vec<AuthorityView>,
    published: Vec<Held>,
    /// Every certificate that ever was.
    certificates: Held,
    /// How many certificates there ever were, for their fingerprints.
    made: u64,
}

/// One serving record and what it shall be.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    wanted: ServerNames,
    pub(crate) view: Option<ServingView>,
}

const RECORDS: usize = 2;
const TARGETS: usize = 3;
const ENTRIES: u8 = 3;
/// As many of what was are remembered.
const MEMORY: usize = 16;

impl World {
    /// Nothing but one target with one broken entry.
    pub(crate) fn new(policy: Policy, now: i64) -> Self {
        let server = Server {
            wanted: names(1),
            view: None,
        };
        let first = Some(BTreeMap::from([(0, Held::new())]));
        let mut targets = vec![None; TARGETS - 1];
        targets.insert(0, first);
        Self {
            policy,
            now: TimeBounds::around(UnixTime::from_secs(now), Duration::from_secs(2)),
            authority: None,
            serving: vec![server; RECORDS],
            targets,
            failing: BTreeSet::new(),
            holds: BTreeMap::new(),
            undone: BTreeMap::new(),
            pauses: BTreeMap::new(),
            backups: Vec::new(),
            published: Vec::new(),
            certificates: Held::new(),
            made: 0,
        }
    }

    pub(crate) fn observation(&self) -> Observation {
        let fails = |lane: &Lane| self.failing.contains(lane);
        let authority = match &self.authority {
            _ if fails(&Lane::Authority) => Seen::Failed,
            None => Seen::Absent,
            Some(authority) => Seen::Present(authority.clone()),
        };
        let serving = (0..).zip(&self.serving).map(|(number, server)| {
            let record = record(number);
            ServingObservation {
                wanted: server.wanted.clone(),
                seen: match &server.view {
                    _ if fails(&Lane::Serving(record.clone())) => Seen::Failed,
                    None => Seen::Absent,
                    Some(view) => Seen::Present(self.as_seen(view)),
                },
                pause: self.pauses.get(&record).copied().unwrap_or_default(),
                record,
            }
        });
        let targets = (0..).zip(&self.targets).map(|(number, content)| {
            let target = target(number);
            TargetObservation {
                seen: match content {
                    _ if fails(&Lane::Target(target.clone())) => TargetSeen::Unreadable,
                    None => TargetSeen::Absent,
                    Some(entries) => TargetSeen::Readable(entries.iter().map(seen).collect()),
                },
                undone: self.undone.get(&target).map(|wait| Undone {
                    needed: self.needed(),
                    wait: *wait,
                    pause: (*wait).min(PAUSE),
                    returned: content.iter().flatten().flat_map(returned).collect(),
                }),
                target,
            }
        });
        Observation {
            authority,
            serving: serving.collect(),
            targets: targets.collect(),
            holds: self.holds.clone(),
        }
    }

    /// Of what verifies a foreign leaf, what stands in an entry that can be read, or is remembered.
    fn as_seen(&self, view: &ServingView) -> ServingView {
        let mut view = view.clone();
        let fails = |lane: Lane| self.failing.contains(&lane);
        let authority = self.authority.as_ref();
        let authority = authority.filter(|_| !fails(Lane::Authority));
        let readable = (0..).zip(&self.targets);
        let readable = readable.filter(|(number, _)| !fails(Lane::Target(target(*number))));
        let entries = readable.filter_map(|(_, content)| content.as_ref());
        let entries: Vec<_> = entries.flat_map(BTreeMap::values).collect();
        if let Some(leaf) = &mut view.leaf {
            leaf.verifiers.retain(|root, _| {
                authority.is_some_and(|it| it.remembered.contains_key(root))
                    || entries.iter().any(|held| held.contains_key(root))
            });
        }
        view
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.observation(), &self.policy, self.now)
    }

    /// Every lane is decided, and no action breaks a law.
    pub(crate) fn check(&self) {
        let plan = self.plan();
        let lanes: Vec<_> = plan.decisions().iter().map(|(lane, _)| lane).collect();
        assert_eq!(lanes, Self::lanes().iter().collect::<Vec<_>>());
        for (lane, action) in plan.actions() {
            assert!(!self.failing.contains(lane) && !self.holds.contains_key(lane));
            laws::judge(self, lane, action);
        }
    }

    pub(crate) fn lanes() -> Vec<Lane> {
        let serving = (0..RECORDS).map(|number| Lane::Serving(record(number)));
        let targets = (0..TARGETS).map(|number| Lane::Target(target(number)));
        [Lane::Authority]
            .into_iter()
            .chain(serving)
            .chain(targets)
            .collect()
    }

    /// Carries out what is asked for; in which lanes that was.
    pub(crate) fn pass(&mut self) -> Vec<Lane> {
        self.check();
        let stale = self.clone();
        let plan = stale.plan();
        for (_, action) in plan.actions() {
            self.carry_out(action, &stale);
        }
        plan.actions().map(|(lane, _)| lane.clone()).collect()
    }

    pub(crate) fn act(&mut self, index: usize) {
        let stale = self.clone();
        let plan = stale.plan();
        let count = plan.actions().count();
        if let Some((_, action)) = plan.actions().nth(index.checked_rem(count).unwrap_or(0)) {
            self.carry_out(action, &stale);
        }
    }

    /// Tries what was asked for in an earlier world: each write wins only if its object has not moved.
    pub(crate) fn carry_out_all_of(&mut self, stale: &Self) {
        for (lane, action) in stale.plan().actions() {
            let unmoved = match lane {
                Lane::Authority => self.authority == stale.authority,
                Lane::Serving(name) => index_of(name).is_some_and(|index| {
                    self.serving.get(index).map(|it| &it.view)
                        == stale.serving.get(index).map(|it| &it.view)
                }),
                Lane::Target(name) => (0..TARGETS)
                    .filter(|number| target(*number) == *name)
                    .all(|number| self.targets.get(number) == stale.targets.get(number)),
            };
            if unmoved {
                self.carry_out(action, stale);
            }
        }
    }

    fn carry_out(&mut self, action: &Action, stale: &Self) {
        match action {
            Action::CreateAuthority(new) => {
                let active = self.generation(new);
                self.authority = Some(AuthorityView {
                    active,
                    superseded: Vec::new(),
                    successor: None,
                    mark: None,
                    remembered: BTreeMap::new(),
                });
            }
            Action::CreateSuccessor(new) => {
                let successor = self.generation(new);
                self.amend(|it| it.successor = Some(successor));
            }
            Action::Promote { .. } => self.amend(|it| {
                if let Some(successor) = it.successor.take() {
                    it.superseded.push(it.active);
                    it.active = successor;
                    it.mark = None;
                }
            }),
            Action::Remember { roots } => self.remember(roots, stale),
            Action::Mark { at } => self.amend(|it| it.mark = Some(*at)),
            Action::Unmark => self.amend(|it| it.mark = None),
            Action::Forget { generations } => self.forget(generations),
            Action::IssueLeaf(new) => self.issue(new, stale),
            Action::Publish(publication) => self.publish(publication, stale),
        }
        if let Some(authority) = self.authority.clone().filter(|_| is_of_authority(action)) {
            self.backups.truncate(MEMORY);
            self.backups.insert(0, authority);
        }
    }

    fn amend(&mut self, change: impl FnOnce(&mut AuthorityView)) {
        if let Some(authority) = &mut self.authority {
            change(authority);
        }
    }

    fn generation(&mut self, new: &NewRoot) -> GenerationView {
        let (root, cross) = (self.fresh(b'r'), self.fresh(b'c'));
        let subject = self.fresh(b's');
        self.certificates.insert(
            root,
            AnchorView {
                not_after: new.not_after,
                subject,
                size: 700,
            },
        );
        GenerationView {
            number: new.generation,
            root,
            subject,
            not_before: new.not_before,
            not_after: new.not_after,
            cross: new.crossed.then_some(cross),
        }
    }

    fn forget(&mut self, gone: &[u32]) {
        self.amend(|it| {
            it.superseded.retain(|old| !gone.contains(&old.number));
            let left: BTreeSet<_> = it.generations().map(|it| it.number).collect();
            let generations = it.superseded.iter_mut().chain([&mut it.active]);
            for generation in generations.chain(it.successor.as_mut()) {
                let before = generation.number.checked_sub(1);
                if before.is_none_or(|before| !left.contains(&before)) {
                    generation.cross = None;
                }
            }
        });
    }

    fn issue(&mut self, new: &NewLeaf, stale: &Self) {
        let (Some(index), Some(authority)) = (index_of(&new.record), &stale.authority) else {
            return;
        };
        let signer = *authority
            .generations()
            .find(|it| it.number == new.generation)
            .expect("only a generation of the record signs");
        let view = ServingView {
            leaf: Some(LeafView {
                generation: Some(new.generation),
                not_before: signer.not_before,
                not_after: new.not_after,
                names: new.names.clone(),
                algorithm: Some(self.policy.algorithm()),
                crosses: authority.crosses_of_active(),
                verifiers: BTreeMap::new(),
            }),
        };
        if let Some(server) = self.serving.get_mut(index) {
            server.view = Some(view);
        }
    }

    fn remember(&mut self, roots: &BTreeMap<Fingerprint, UnixTime>, stale: &Self) {
        let verifiers = stale.verifiers();
        let before = stale.authority.as_ref().map(|it| it.remembered.clone());
        let before = before.unwrap_or_default();
        let remembered = roots.iter().map(|(root, until)| {
            let known = before.get(root).map(|it| (it.issuer, it.size));
            let found = verifiers.get(root).map(|it| (it.issuer, it.size));
            let (issuer, size) = known.or(found).expect("only what is known is remembered");
            let until = *until;
            (
                *root,
                RememberedRoot {
                    until,
                    issuer,
                    size,
                },
            )
        });
        let remembered = remembered.collect();
        self.amend(|it| it.remembered = remembered);
    }

    /// What verifies one of the foreign leaves, wherever it stands.
    pub(crate) fn verifiers(&self) -> BTreeMap<Fingerprint, Verifier> {
        let views = self
            .serving
            .iter()
            .filter_map(|server| server.view.as_ref());
        let leaves = views.filter_map(|view| view.leaf.as_ref());
        leaves.flat_map(|leaf| leaf.verifiers.clone()).collect()
    }

    fn publish(&mut self, publication: &Publication, _: &Self) {
        let index = (0..TARGETS).find(|number| target(*number) == publication.target);
        let entries = index.and_then(|index| self.targets.get_mut(index)?.as_mut());
        let Some(entries) = entries else {
            return;
        };
        for (name, wanted) in &publication.entries {
            let number = name.as_str().parse().expect("it is an entry of ours");
            let content = wanted
                .iter()
                .map(|it| (*it, *self.certificates.get(it).expect("it was made")));
            let held: Held = content.collect();
            self.published.truncate(MEMORY);
            self.published.insert(0, held.clone());
            entries.insert(number, held);
        }
    }

    /// Every root of the record, and what it remembers.
    pub(crate) fn needed(&self) -> BTreeSet<Fingerprint> {
        let authority = self.authority.iter();
        let needed =
            authority.flat_map(|it| it.roots().into_iter().chain(it.remembered.keys().copied()));
        needed.collect()
    }

    fn fresh(&mut self, kind: u8) -> Fingerprint {
        self.made += 1;
        let mut bytes = [kind; 32];
        bytes[24..].copy_from_slice(&self.made.to_be_bytes());
        Fingerprint::from_bytes(bytes)
    }

    fn end(&self, lives: u32) -> UnixTime {
        self.now
            .latest()
            .saturating_add(Duration::from_secs(u64::from(lives)))
    }
}

/// What happens from outside.
impl World {
    pub(crate) fn sleep(&mut self) {
        let wake = self.plan().wake_after();
        self.wait(wake.unwrap_or_default());
    }

    pub(crate) fn wait(&mut self, span: Duration) {
        self.now = self.now.after(span);
        let holds = self.holds.values_mut().chain(self.undone.values_mut());
        for wait in holds.chain(self.pauses.values_mut()) {
            *wait = wait.saturating_sub(span);
        }
        self.holds.retain(|_, wait| !wait.is_zero());
    }

    pub(crate) fn turn(&mut self, by: i32, width: u16) {
        let now = self.now.earliest().as_secs().saturating_add(by.into());
        let end = now.saturating_add(width.into());
        self.now = TimeBounds::new(UnixTime::from_secs(now), UnixTime::from_secs(end));
    }

    pub(crate) fn read_fails(&mut self, lane: usize) {
        let lanes = Self::lanes();
        self.failing
            .extend(lanes.into_iter().nth(lane % (1 + RECORDS + TARGETS)));
    }

    pub(crate) fn reads_work(&mut self) {
        self.failing.clear();
    }

    /// Nothing fails any more, and nothing waits.
    pub(crate) fn repair(&mut self) {
        self.failing.clear();
        self.holds.clear();
        self.undone.clear();
        self.pauses.clear();
    }

    pub(crate) fn restore(&mut self, backup: usize) {
        if let Some(backup) = self.backups.get(backup % MEMORY) {
            self.authority = Some(backup.clone());
        }
    }

    pub(crate) fn lose_leaf(&mut self, record: usize) {
        if let Some(server) = self.serving.get_mut(record % RECORDS) {
            server.view = None;
        }
    }

    pub(crate) fn serve_foreign(&mut self, record: usize, lives: u32) {
        let (ca, end, start) = (self.foreign(lives), self.end(lives), self.now.earliest());
        let issuer = self.fresh(b'i');
        if let Some(server) = self.serving.get_mut(record % RECORDS) {
            let leaf = LeafView {
                generation: None,
                not_before: start,
                not_after: end,
                names: server.wanted.clone(),
                algorithm: None,
                crosses: BTreeSet::new(),
                verifiers: [(ca, verifier(start, end, issuer))].into(),
            };
            server.view = Some(ServingView { leaf: Some(leaf) });
        }
    }

    /// What verifies the foreign leaf of a record, or another certificate of that issuer, gets into an entry, or into all.
    pub(crate) fn trust_foreign(&mut self, record: usize, lives: u32) {
        let server = self.serving.get(record % RECORDS);
        let leaf = server.and_then(|server| server.view.as_ref()?.leaf.clone());
        let first = leaf.and_then(|leaf| leaf.verifiers.into_iter().next());
        let Some((mut root, like)) = first else {
            return;
        };
        if lives & 4 != 0 {
            root = self.foreign(lives);
            let other = verifier(like.not_before, self.end(lives), like.issuer);
            let server = self.serving.get_mut(record % RECORDS);
            let leaf = server.and_then(|server| server.view.as_mut()?.leaf.as_mut());
            leaf.map(|leaf| leaf.verifiers.insert(root, other));
        }
        let is_everywhere = lives.is_multiple_of(4);
        let anchor = self.certificates.get(&root).copied();
        let entries = self.targets.iter_mut().flatten();
        let entries = entries.flat_map(BTreeMap::values_mut);
        let most = if is_everywhere { usize::MAX } else { 1 };
        for entry in entries.take(most) {
            entry.extend(anchor.map(|anchor| (root, anchor)));
        }
    }

    pub(crate) fn rename(&mut self, record: usize, wanted: u8) {
        if let Some(server) = self.serving.get_mut(record % RECORDS) {
            server.wanted = names(wanted);
        }
    }

    pub(crate) fn target_comes(&mut self, target: usize) {
        if let Some(target) = self.targets.get_mut(target % TARGETS) {
            target.get_or_insert_default().insert(0, Held::new());
        }
    }

    pub(crate) fn target_goes(&mut self, target: usize) {
        if let Some(target) = self.targets.get_mut(target % TARGETS) {
            *target = None;
        }
    }

    /// Changes one entry of a target that exists, after it was made if need be.
    pub(crate) fn entry(
        &mut self,
        target: u8,
        entry: u8,
        change: impl FnOnce(&mut Self, &mut Held),
    ) {
        let index = usize::from(target) % TARGETS;
        let number = entry % ENTRIES;
        let Some(Some(entries)) = self.targets.get(index) else {
            return;
        };
        let mut held = entries.get(&number).cloned().unwrap_or_default();
        change(self, &mut held);
        if let Some(Some(entries)) = self.targets.get_mut(index) {
            entries.insert(number, held);
        }
    }

    /// A certificate of another party: by what `lives` is divisible by, one of several with one subject, a large one, or one
    /// with a subject of ours.
    pub(crate) fn stranger(&mut self, entry: &mut Held, lives: u32) {
        let count = if lives.is_multiple_of(11) { 20 } else { 1 };
        for _ in 0..count {
            let print = self.foreign(lives);
            entry.extend(self.certificates.get(&print).map(|anchor| (print, *anchor)));
        }
    }

    fn foreign(&mut self, lives: u32) -> Fingerprint {
        let print = self.fresh(b'f');
        let ours = self.authority.as_ref().map(|it| it.active.subject);
        let ours = ours.filter(|_| lives.is_multiple_of(5));
        let shared = (lives.is_multiple_of(3)).then(|| Fingerprint::from_bytes([b'x'; 32]));
        let anchor = AnchorView {
            not_after: self.end(lives),
            subject: ours.or(shared).unwrap_or(print),
            size: if lives.is_multiple_of(7) { 9_000 } else { 700 },
        };
        self.certificates.insert(print, anchor);
        print
    }

    pub(crate) fn revert(&self, entry: &mut Held, to: u8) {
        if let Some(before) = self.published.get(usize::from(to) % MEMORY) {
            entry.clone_from(before);
        }
    }

    pub(crate) fn hold(&mut self, lane: usize, secs: u64) {
        let lanes = Self::lanes();
        let lane = lanes.into_iter().nth(lane % (1 + RECORDS + TARGETS));
        let wait = Duration::from_secs(secs);
        self.holds.extend(lane.map(|lane| (lane, wait)));
    }

    /// A write of ours was undone just now.
    pub(crate) fn undo(&mut self, number: u8, secs: u64) {
        let wait = Duration::from_secs(secs);
        let number = usize::from(number);
        if (number / TARGETS).is_multiple_of(2) {
            self.undone.insert(target(number % TARGETS), wait);
        } else {
            self.pauses
                .insert(record(number % RECORDS), wait.min(PAUSE));
        }
    }
}

/// Between two writes of one object.
const PAUSE: Duration = Duration::from_secs(1);

fn verifier(not_before: UnixTime, not_after: UnixTime, issuer: Fingerprint) -> Verifier {
    Verifier {
        not_before,
        not_after,
        issuer,
        size: 700,
    }
}

/// Some of what stands in an entry was put back by another writer, so often.
fn returned((_, held): (&u8, &Held)) -> Vec<(Fingerprint, u32)> {
    let counts = held.keys().zip([0, 2, 1].into_iter().cycle());
    let returned = counts.filter(|(_, count)| *count > 0);
    returned.map(|(print, count)| (*print, count)).collect()
}

fn is_of_authority(action: &Action) -> bool {
    !matches!(action, Action::IssueLeaf(_) | Action::Publish(_))
}

fn seen((number, held): (&u8, &Held)) -> (EntryName, EntrySeen) {
    let seen = if held.is_empty() {
        EntrySeen::Broken
    } else {
        EntrySeen::Holds(held.clone())
    };
    (EntryName::new(number.to_string()), seen)
}

fn record(number: usize) -> RecordName {
    RecordName::new(number.to_string())
}

fn index_of(record: &RecordName) -> Option<usize> {
    record.as_str().parse().ok()
}

pub(crate) fn target(number: usize) -> TargetRef {
    TargetRef::new("Webhook", number.to_string())
}

/// One to three of three names.
fn names(choice: u8) -> ServerNames {
    let all = ["a.shop.svc", "b.shop.svc", "c.shop.svc"];
    let chosen = (0..)
        .zip(all)
        .filter(|(bit, _)| (choice % 7 + 1) & (1 << bit) != 0)
        .map(|(_, name)| name.parse().expect("it is a name"));
    ServerNames::new(chosen, []).expect("there is one")
}
