//! What can happen in a state, and what comes of it.

use std::sync::Arc;

use crate::{
    behaviour::{BehaviourId, Behaviours},
    breach::{self, Moment},
    contents::{BundleId, CaFacts, Contents, RootContent},
    interned::Interned,
    memo::Memo,
    scope::Scope,
    state::{Action, HistoryId, State},
    told::{Answer, Call, Place, Read, Sight, Told, What},
};

/// The cluster of one search.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) scope: Scope,
    pub(crate) contents: Contents,
    pub(crate) behaviours: Behaviours,
    pub(crate) histories: Interned<Vec<u32>, Vec<u32>>,
    beginnings: Memo<Beginning, Arc<Vec<BehaviourId>>>,
    pub(crate) verdicts: Memo<(HistoryId, HistoryId, u8), bool>,
    pub(crate) completed: Memo<State, bool>,
}

/// What a controller may find.
type Beginning = (u8, u32, u32, [BundleId; 2], HistoryId);

impl Cluster {
    /// A cluster in which nothing was made yet.
    pub fn new(scope: Scope) -> Self {
        let cluster = Self {
            scope,
            contents: Contents::new(),
            behaviours: Behaviours::new(scope),
            histories: Interned::default(),
            beginnings: Memo::default(),
            verdicts: Memo::default(),
            completed: Memo::default(),
        };
        cluster.history(Vec::new());
        cluster
    }

    pub(crate) fn start(&self) -> State {
        State {
            now: 0,
            reverts: self.scope.reverts,
            attacks: u8::from(self.scope.attacker.is_some()),
            authority: 0,
            serving: 0,
            targets: [0; 2],
            bundles: self.history(vec![0]),
            chains: 0,
            controllers: [0; 2],
            breach: None,
        }
    }

    pub(crate) fn history(&self, mut members: Vec<u32>) -> HistoryId {
        members.sort_unstable();
        members.dedup();
        self.histories.id(members, Clone::clone)
    }

    pub(crate) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        if state.breach.is_some() {
            return;
        }
        // Before anything is asked for, all seconds are alike.
        let is_begun = state.authority != 0 || state.controllers != [0; 2];
        if state.now < self.scope.horizon && is_begun && !self.is_overdue(state) {
            actions.push(Action::Tick);
        }
        let [first, second] = state.controllers;
        if first == 0 && (second == 0 || self.scope.controllers > 1) {
            let beginnings = self.beginnings(state);
            actions.extend(beginnings.iter().map(|id| Action::Begin(*id)));
        }
        for (controller, id) in [(0, first), (1, second)] {
            if id == 0 || (controller == 1 && first == second) {
                continue;
            }
            actions.push(Action::Crash { controller });
            let behaviour = self.behaviours.value(id);
            for (call, waiting) in behaviour.calls.iter().enumerate() {
                let deliver = |lost| Action::Deliver {
                    controller,
                    call,
                    lost,
                };
                actions.push(deliver(false));
                // A read whose answer is lost comes to no more than a crash.
                if waiting.what != What::Load {
                    actions.push(deliver(true));
                }
            }
        }
        self.attacks(state, actions);
        if state.reverts > 0 {
            for (target, held) in state.targets.into_iter().enumerate() {
                let older = self.histories.value(state.bundles);
                let older = older.iter().copied().filter(|bundle| *bundle != held);
                actions.extend(older.map(|bundle| Action::Revert { target, bundle }));
            }
        }
    }

    /// Whether something is still to be done that was due for as long as the scope allows.
    fn is_overdue(&self, state: &State) -> bool {
        let since = self
            .scope
            .patience
            .and_then(|patience| state.now.checked_sub(patience));
        since.is_some_and(|now| {
            let told = State { now, ..*state }.told();
            self.behaviours.step(&self.contents, &told).behaviour != 0
        })
    }

    pub(crate) fn after(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        match action {
            Action::Tick => next.now = state.now.saturating_add(1),
            Action::Begin(id) => {
                let [first, _] = &mut next.controllers;
                *first = id;
            }
            Action::Deliver {
                controller,
                call,
                lost,
            } => {
                let id = *state.controllers.get(controller)?;
                let call = *self.behaviours.value(id).calls.get(call)?;
                next = self.delivered(state, controller, call, lost)?;
            }
            Action::Crash { controller } => *next.controllers.get_mut(controller)? = 0,
            Action::Revert { target, bundle } => {
                *next.targets.get_mut(target)? = bundle;
                next.reverts = state.reverts.saturating_sub(1);
            }
            // Replicas that take the attacker's leaf, and callers of a target that he writes, are refused until the repair.
            Action::Serve { content } => {
                next.serving = content;
                next.attacks = state.attacks.saturating_sub(1);
            }
            Action::Plant { target, bundle } => {
                *next.targets.get_mut(target)? = bundle;
                next.attacks = state.attacks.saturating_sub(1);
            }
        }
        let next = self.canonical(next);
        (next != *state).then_some(next)
    }

    /// The behaviours of a controller that reads everything now.
    fn beginnings(&self, state: &State) -> Arc<Vec<BehaviourId>> {
        let question = (
            state.now,
            state.authority,
            state.serving,
            state.targets,
            state.bundles,
        );
        self.beginnings.get(&question, || {
            let first = state.told();
            let mut found: Vec<_> = self
                .sights(state, &first)
                .iter()
                .map(|told| self.behaviours.step(&self.contents, told).behaviour)
                .filter(|id| *id != 0)
                .collect();
            found.sort_unstable();
            found.dedup();
            Arc::new(found)
        })
    }

    /// Everything that a controller may find: targets as they stood at any time, or not at all; records as they stand,
    /// or no answer, or damaged on the way.
    fn sights(&self, state: &State, first: &Told) -> Vec<Told> {
        let bundles = self.histories.value(state.bundles);
        let sights = bundles.iter().map(|bundle| Sight::Holds(*bundle));
        let sights: Vec<_> = sights.chain([Sight::Unavailable]).collect();
        let pairs = sights.iter().flat_map(|one| {
            let other = sights.iter();
            other.map(|other| [*one, *other])
        });
        let mut targets = vec![first.targets];
        if self.scope.stale {
            targets.extend(pairs);
        }
        if self.scope.apart {
            return targets.into_iter().map(Told::asking).collect();
        }
        let mut records = vec![(first.authority, first.serving)];
        if self.scope.stale {
            let authorities = [
                first.authority,
                Read::Damaged(state.authority),
                Read::Unavailable,
            ];
            let servings = [first.serving, Read::Unavailable];
            let pairs = authorities.map(|authority| servings.map(|serving| (authority, serving)));
            records = pairs.into_iter().flatten().collect();
        }
        let found = targets.into_iter().flat_map(|targets| {
            records.iter().map(move |(authority, serving)| Told {
                targets,
                authority: *authority,
                serving: *serving,
                ..first.clone()
            })
        });
        found.collect()
    }

    /// A call arrives: it is carried out if what it saw still stands there.
    pub(crate) fn delivered(
        &self,
        state: &State,
        controller: usize,
        call: Call,
        lost: bool,
    ) -> Option<State> {
        let mut next = *state;
        let answer = match call.what {
            What::Load => match call.place {
                Place::Authority => Answer::Record(state.authority),
                Place::Serving => Answer::Record(state.serving),
                Place::Target(_) | Place::AllTargets => Answer::Bundles(state.targets),
                Place::Clock => Answer::Time(state.now),
            },
            What::Write { seen, content } => {
                if state.holds(call.place) == seen {
                    self.write(&mut next, call.place, content);
                    Answer::Done
                } else {
                    Answer::Refused
                }
            }
        };
        let answer = if lost { Answer::Lost } else { answer };
        let slot = next.controllers.get_mut(controller)?;
        *slot = self.behaviours.after(&self.contents, *slot, call, answer);
        Some(next)
    }

    fn write(&self, state: &mut State, place: Place, content: u32) {
        let contents = &self.contents;
        let authority = contents.authorities.value(state.authority);
        let moment = Moment {
            earliest: i64::from(state.now).saturating_sub(self.scope.skew.into()),
            allowance: self.scope.allowance(),
        };
        match place {
            Place::Authority => {
                let new = contents.authorities.value(content);
                state.breach = breach::of_authority(&authority, &new, moment);
                state.authority = content;
            }
            Place::Serving => {
                let (old, new) = (
                    contents.servings.value(state.serving),
                    contents.servings.value(content),
                );
                state.breach = breach::of_serving(&old, &new, &authority, moment);
                state.serving = content;
                let mut chains = self.histories.value(state.chains).to_vec();
                chains.push(content);
                state.chains = self.history(chains);
            }
            Place::Target(target) => {
                let Some(held) = state.targets.get_mut(target) else {
                    return;
                };
                let (old, new) = (
                    contents.bundles.value(*held),
                    contents.bundles.value(content),
                );
                let bears_a_subject_of_ours = |facts: &CaFacts| {
                    let is_it = |root: &RootContent| {
                        !root.facts.is_foreign && root.facts.subject == facts.subject
                    };
                    contents.roots.find(is_it).is_some()
                };
                state.breach =
                    breach::of_target(&old, &new, &authority, moment, bears_a_subject_of_ours);
                *held = content;
                let mut bundles = self.histories.value(state.bundles).to_vec();
                bundles.push(content);
                state.bundles = self.history(bundles);
            }
            Place::AllTargets | Place::Clock => {}
        }
    }

    /// The one state that stands for all that are like it.
    fn canonical(&self, mut state: State) -> State {
        state.controllers = state
            .controllers
            .map(|id| self.without_hopeless_calls(&state, id));
        state.chains = self.without_ended_chains(&state);
        let sorted = |mut state: State| {
            state.controllers.sort_unstable();
            state
        };
        let mut mirrored = state;
        mirrored.targets.reverse();
        mirrored.controllers = state
            .controllers
            .map(|id| self.behaviours.mirrored(&self.contents, id));
        let (state, mirrored) = (sorted(state), sorted(mirrored));
        if (mirrored.targets, mirrored.controllers) < (state.targets, state.controllers) {
            mirrored
        } else {
            state
        }
    }

    /// A write that can only be refused from now on is refused at once: that changes nothing but its controller.
    fn without_hopeless_calls(&self, state: &State, mut id: BehaviourId) -> BehaviourId {
        loop {
            let behaviour = self.behaviours.value(id);
            let hopeless = behaviour.calls.iter().find(|call| match call.what {
                What::Load => false,
                What::Write { seen, .. } => {
                    let may_come_back = match call.place {
                        Place::Authority | Place::Serving => false,
                        Place::Target(_) | Place::AllTargets | Place::Clock => state.reverts > 0,
                    };
                    !may_come_back && state.holds(call.place) != seen
                }
            });
            match hopeless {
                None => return id,
                Some(call) => {
                    id = self
                        .behaviours
                        .after(&self.contents, id, *call, Answer::Refused);
                }
            }
        }
    }

    /// A leaf that has ended by every clock binds nobody.
    fn without_ended_chains(&self, state: &State) -> HistoryId {
        let chains = self.histories.value(state.chains);
        let earliest = i64::from(state.now).saturating_sub(self.scope.skew.into());
        let is_alive = |id: &u32| {
            let serving = self.contents.servings.value(*id);
            serving
                .chain
                .as_ref()
                .is_some_and(|chain| chain.leaf.not_after >= earliest)
        };
        if chains.iter().all(is_alive) {
            return state.chains;
        }
        self.history(chains.iter().copied().filter(is_alive).collect())
    }
}
