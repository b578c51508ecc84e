//! What stands where after an action succeeded: the world without certificates.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use certgen::{Fingerprint, UnixTime};
use proptest::test_runner::{TestCaseError, TestCaseResult};
use rotator_core::{
    Action, AnchorView, AuthorityView, Decision, EntrySeen, GenerationNumber, GenerationView, Lane,
    LeafView, NewLeaf, NewRoot, Observation, Plan, Publication, RememberedRoot, Seen, ServingView,
    TargetSeen, plan,
};

use crate::arbitrary::{SIZE, Situation, anchor, cross, root, subject};

/// More than any life here has.
const DAYS: usize = 10_000;
/// More than any installation needs to settle.
const PASSES: usize = 100;

impl Situation {
    pub(crate) fn plan(&self) -> Plan {
        plan(&self.observed, &self.policy, self.now)
    }

    /// The same a while later.
    pub(crate) fn after(&self, secs: u64) -> Self {
        Self {
            now: self.now.after(Duration::from_secs(secs)),
            ..self.clone()
        }
    }

    pub(crate) fn authority(&self) -> Option<&AuthorityView> {
        self.observed.authority.present()
    }

    /// The same until the plan says to look again.
    pub(crate) fn sleep(&mut self) {
        let wake = self.plan().wake_after().unwrap();
        assert_ne!(wake, Duration::ZERO, "awake, with {:?}", self.plan());
        self.now = self.now.after(wake);
    }

    /// The generation that signs.
    pub(crate) fn active(&self) -> GenerationView {
        self.authority().unwrap().active
    }

    /// The first leaf that is served.
    pub(crate) fn leaf(&self) -> &LeafView {
        let first = self.observed.serving.first().unwrap();
        first.seen.present().unwrap().leaf.as_ref().unwrap()
    }

    /// Lives a day at a time until this generation signs.
    pub(crate) fn live(
        &mut self,
        until: GenerationNumber,
        mut day: impl FnMut(&mut Self) -> TestCaseResult,
    ) -> TestCaseResult {
        for _ in 0..DAYS {
            if self.active().number >= until {
                return Ok(());
            }
            day(self)?;
        }
        Err(TestCaseError::fail(format!(
            "generation {until} never signs"
        )))
    }

    /// Carries out what is to be done until nothing is; how many actions that took in each lane.
    pub(crate) fn settle(&mut self) -> BTreeMap<Lane, usize> {
        let mut actions = BTreeMap::new();
        let settled = self.settle_watched(|_, plan| {
            for (lane, _) in plan.actions() {
                *actions.entry(lane.clone()).or_default() += 1;
            }
            Ok(())
        });
        settled.unwrap();
        actions
    }

    /// The same, and shows what is decided before it is carried out.
    pub(crate) fn settle_watched(
        &mut self,
        mut watch: impl FnMut(&Self, &Plan) -> TestCaseResult,
    ) -> TestCaseResult {
        for _ in 0..PASSES {
            let plan = self.plan();
            if plan.is_idle() {
                return Ok(());
            }
            watch(self, &plan)?;
            let seen = self.clone();
            for (_, action) in plan.actions() {
                self.carry_out(action, &seen);
            }
        }
        Err(TestCaseError::fail(format!(
            "does not settle: {:?}",
            self.plan()
        )))
    }

    /// Carries out what was decided on `seen`.
    pub(crate) fn carry_out(&mut self, action: &Action, seen: &Self) {
        match action {
            Action::CreateAuthority(new) => {
                self.observed.authority = Seen::Present(AuthorityView {
                    active: generation(new),
                    superseded: Vec::new(),
                    successor: None,
                    mark: None,
                    remembered: BTreeMap::new(),
                });
            }
            Action::CreateSuccessor(new) => self.amend(|it| it.successor = Some(generation(new))),
            Action::Promote { .. } => self.amend(promote),
            Action::Remember { roots } => self.remember(roots),
            Action::Mark { at } => self.amend(|it| it.mark = Some(*at)),
            Action::Unmark => self.amend(|it| it.mark = None),
            Action::Forget { generations } => self.forget(generations),
            Action::IssueLeaf(new) => self.issue(new),
            Action::Publish(publication) => self.publish(publication, &known(&seen.observed)),
        }
    }

    fn amend(&mut self, change: impl FnOnce(&mut AuthorityView)) {
        if let Seen::Present(authority) = &mut self.observed.authority {
            change(authority);
        }
    }

    fn remember(&mut self, roots: &BTreeMap<Fingerprint, UnixTime>) {
        let serving = self.observed.serving.iter();
        let leaves = serving.filter_map(|it| it.seen.present()?.leaf.as_ref());
        let found = leaves.flat_map(|leaf| &leaf.verifiers);
        let found = found.map(|(root, it)| (*root, it.issuer));
        let issuers: BTreeMap<_, _> = found.collect();
        self.amend(|it| {
            let before = it.remembered.clone();
            let issuer = |root| {
                let before = before.get(root).map(|it| it.issuer);
                before.or_else(|| issuers.get(root).copied()).unwrap()
            };
            let roots = roots.iter().map(|(root, until)| {
                let remembered = RememberedRoot {
                    until: *until,
                    issuer: issuer(root),
                    size: SIZE,
                };
                (*root, remembered)
            });
            it.remembered = roots.collect();
        });
    }

    fn forget(&mut self, gone: &[GenerationNumber]) {
        self.amend(|it| {
            it.superseded.retain(|old| !gone.contains(&old.number));
            let numbers: BTreeSet<_> = it.generations().map(|it| it.number).collect();
            let left = it.superseded.iter_mut().chain([&mut it.active]);
            for generation in left.filter(|it| !numbers.contains(&(it.number - 1))) {
                generation.cross = None;
            }
        });
        for serving in &mut self.observed.serving {
            if let Seen::Present(ServingView { leaf: Some(leaf) }) = &mut serving.seen {
                leaf.generation = leaf.generation.filter(|number| !gone.contains(number));
            }
        }
    }

    fn issue(&mut self, new: &NewLeaf) {
        let Some(authority) = self.authority().cloned() else {
            return;
        };
        let records = self.observed.serving.iter_mut();
        for serving in records.filter(|serving| serving.record == new.record) {
            serving.seen = Seen::Present(ServingView {
                leaf: Some(LeafView {
                    generation: Some(new.generation),
                    not_before: authority.active.not_before,
                    not_after: new.not_after,
                    names: new.names.clone(),
                    algorithm: Some(self.policy.algorithm()),
                    crosses: authority.crosses_of_active(),
                    verifiers: BTreeMap::new(),
                }),
            });
        }
    }

    fn publish(&mut self, publication: &Publication, known: &BTreeMap<Fingerprint, UnixTime>) {
        let targets = self.observed.targets.iter_mut();
        for target in targets.filter(|target| target.target == publication.target) {
            let TargetSeen::Readable(entries) = &mut target.seen else {
                continue;
            };
            for (name, wanted) in &publication.entries {
                let before = entries.get(name).map(held).unwrap_or_default();
                let content = wanted.iter().map(|it| {
                    let stood = before.get(it).copied();
                    // Neither the entry nor the record has it: it came from nowhere.
                    (*it, stood.unwrap_or_else(|| anchor(*it, known[it])))
                });
                entries.insert(name.clone(), EntrySeen::Holds(content.collect()));
            }
        }
    }
}

fn generation(new: &NewRoot) -> GenerationView {
    GenerationView {
        number: new.generation,
        root: root(new.generation),
        subject: subject(new.generation),
        not_before: new.not_before,
        not_after: new.not_after,
        cross: new.crossed.then(|| cross(new.generation)),
    }
}

fn promote(authority: &mut AuthorityView) {
    if let Some(successor) = authority.successor.take() {
        authority.superseded.push(authority.active);
        authority.active = successor;
        authority.mark = None;
    }
}

/// Every lane and the rule that it is decided by.
pub(crate) fn rules(plan: &Plan) -> Vec<(Lane, String)> {
    let decisions = plan.decisions().iter().cloned();
    let ruled = decisions.map(|(lane, decision)| match decision {
        Decision::Act(action) => (lane, rule(&action).to_owned()),
        Decision::Wait(why) => (lane, format!("{why:?}")),
    });
    ruled.collect()
}

/// The rule that asks for `action`.
pub(crate) fn rule(action: &Action) -> &'static str {
    match action {
        Action::CreateAuthority(_) => "create the authority",
        Action::CreateSuccessor(_) => "create a successor",
        Action::Promote { .. } => "promote",
        Action::Remember { .. } => "remember",
        Action::Mark { .. } => "mark",
        Action::Unmark => "unmark",
        Action::Forget { .. } => "forget",
        Action::IssueLeaf(_) => "issue a leaf",
        Action::Publish(_) => "publish",
    }
}

/// What an entry holds.
pub(crate) fn held(entry: &EntrySeen) -> BTreeMap<Fingerprint, AnchorView> {
    match entry {
        EntrySeen::Broken => BTreeMap::new(),
        EntrySeen::Holds(held) => held.clone(),
    }
}

/// What the authority record can supply, each with its end.
fn known(observed: &Observation) -> BTreeMap<Fingerprint, UnixTime> {
    let authority = observed.authority.present();
    let roots = authority.into_iter().flat_map(AuthorityView::generations);
    let remembered = authority.into_iter().flat_map(|it| &it.remembered);
    remembered
        .map(|(root, it)| (*root, it.until))
        .chain(roots.map(|it| (it.root, it.not_after)))
        .collect()
}
