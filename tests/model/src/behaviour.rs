//! What a controller in the middle of a step will still do. Two that will do the same are the same.

use std::{sync::Arc, time::Duration};

use crate::{
    contents::Contents,
    interned::Interned,
    memo::Memo,
    replay::{Replayed, replay},
    scope::Scope,
    told::{Answer, Call, Place, Told, What},
};

/// A number of a behaviour; 0: nothing, the step is over.
pub(crate) type BehaviourId = u32;

/// Every behaviour that was met, found by running the product's step.
#[derive(Debug)]
pub(crate) struct Behaviours {
    scope: Scope,
    shapes: Interned<Shape, Behaviour>,
    steps: Interned<Told, Step>,
    goes_on: Memo<Vec<Kind>, bool>,
}

/// Where something is written, and which generations it is about: before and after, all and the active one.
type Kind = (Place, [(usize, u32); 2]);

/// What makes two behaviours the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// These writes, and nothing after their answers.
    Writes(Vec<Call>),
    /// More may follow: then all that it was told counts.
    More(Told),
}

/// A behaviour.
#[derive(Debug)]
pub(crate) struct Behaviour {
    pub(crate) shape: Shape,
    /// The calls that wait for an answer.
    pub(crate) calls: Vec<Call>,
    /// One way to come to it.
    pub(crate) told: Told,
}

/// How far a step got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) behaviour: BehaviourId,
    /// Set if it is over.
    pub(crate) wake_after: Option<Duration>,
}

impl Behaviours {
    pub(crate) fn new(scope: Scope) -> Self {
        let behaviours = Self {
            scope,
            shapes: Interned::default(),
            steps: Interned::default(),
            goes_on: Memo::default(),
        };
        let nothing = Told::first(0, 0, 0, [0; 2]);
        behaviours.id(Shape::Writes(Vec::new()), &[], &nothing);
        behaviours
    }

    /// How a step goes on that was told this.
    pub(crate) fn step(&self, contents: &Contents, told: &Told) -> Step {
        let id = self
            .steps
            .id(told.clone(), |told| self.look(contents, told));
        *self.steps.value(id)
    }

    pub(crate) fn value(&self, id: BehaviourId) -> Arc<Behaviour> {
        self.shapes.value(id)
    }

    /// What follows an answer.
    pub(crate) fn after(
        &self,
        contents: &Contents,
        id: BehaviourId,
        call: Call,
        answer: Answer,
    ) -> BehaviourId {
        let behaviour = self.value(id);
        match &behaviour.shape {
            Shape::More(told) => self.step(contents, &told.and(call, answer)).behaviour,
            Shape::Writes(calls) => {
                let rest = calls.iter().copied().filter(|other| *other != call);
                let rest: Vec<_> = rest.collect();
                self.id(Shape::Writes(rest.clone()), &rest, &behaviour.told)
            }
        }
    }

    /// The same with the two targets in each other's place.
    pub(crate) fn mirrored(&self, contents: &Contents, id: BehaviourId) -> BehaviourId {
        let behaviour = self.value(id);
        match &behaviour.shape {
            Shape::More(told) => self.step(contents, &told.mirrored()).behaviour,
            Shape::Writes(calls) => {
                let mut mirrored: Vec<_> = calls.iter().map(|call| call.mirrored()).collect();
                mirrored.sort_unstable();
                let shape = Shape::Writes(mirrored.clone());
                self.id(shape, &mirrored, &behaviour.told.mirrored())
            }
        }
    }

    /// How many different behaviours, and how many runs of the product's step.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.shapes.len(), self.steps.len())
    }

    fn look(&self, contents: &Contents, told: &Told) -> Step {
        let Replayed {
            mut calls,
            wake_after,
        } = replay(contents, &self.scope, told);
        calls.sort_unstable();
        let reads = calls.iter().any(|call| call.what == What::Load);
        let shape = if !calls.is_empty() && (reads || self.goes_on(contents, told, &calls)) {
            Shape::More(told.clone())
        } else {
            Shape::Writes(calls.clone())
        };
        Step {
            behaviour: self.id(shape, &calls, told),
            wake_after,
        }
    }

    /// Whether anything follows the answers to these writes. A lane shares nothing with the others but what was read at
    /// the beginning: so if nothing follows when all are answered alike, nothing follows when they are answered
    /// differently. And it is asked once for each combination of what is written where.
    fn goes_on(&self, contents: &Contents, told: &Told, calls: &[Call]) -> bool {
        let kinds = calls.iter().map(|call| kind(contents, call)).collect();
        self.goes_on.get(&kinds, || {
            [Answer::Done, Answer::Refused, Answer::Lost]
                .into_iter()
                .any(|answer| {
                    let answered = |told: Told, call: &Call| told.and(*call, answer);
                    let told = calls.iter().fold(told.clone(), answered);
                    !replay(contents, &self.scope, &told).calls.is_empty()
                })
        })
    }

    fn id(&self, shape: Shape, calls: &[Call], told: &Told) -> BehaviourId {
        self.shapes.id(shape, |shape| Behaviour {
            shape: shape.clone(),
            calls: calls.to_vec(),
            told: told.clone(),
        })
    }
}

fn kind(contents: &Contents, call: &Call) -> Kind {
    let about = |id| match call.place {
        Place::Authority => {
            let authority = contents.authorities.value(id);
            (authority.generations.len(), authority.active)
        }
        Place::Serving | Place::Target(_) | Place::AllTargets | Place::Clock => (0, 0),
    };
    match call.what {
        What::Write { seen, content } => (call.place, [about(seen), about(content)]),
        What::Load => (call.place, [(0, 0); 2]),
    }
}

#[cfg(test)]
mod tests {
    use stateright::{Checker as _, Model as _};

    use crate::{Cluster, Scope};

    /// What makes a state with the targets in each other's place the same state.
    #[test]
    fn targets_are_treated_alike() {
        let [_, _, _, _, stale, ..] = Scope::SAMPLE;
        let scope = Scope {
            horizon: 5,
            ..stale
        };
        let checker = Cluster::new(scope).checker().spawn_bfs().join();
        let Cluster {
            behaviours,
            contents,
            ..
        } = checker.model();
        let all = behaviours.shapes.values();
        assert!(all.len() > 100);
        for behaviour in all
            .iter()
            .filter(|behaviour| behaviour.told.later.is_empty())
        {
            let one = behaviours.step(contents, &behaviour.told).behaviour;
            let other = behaviours
                .step(contents, &behaviour.told.mirrored())
                .behaviour;
            assert_eq!(behaviours.mirrored(contents, one), other);
        }
    }
}
