//! Liveness: from a state, everybody finishes what was begun, then one healthy controller goes on alone.

use crate::{cluster::Cluster, go_rules, state::State};

/// More steps than settling ever takes.
const STEPS: usize = 12;
/// More wakes than a rotation ever takes.
const WAKES: usize = 80;

impl Cluster {
    /// Whether a fair schedule from here makes the next generation sign, and settles.
    pub(crate) fn completes(&self, state: &State) -> bool {
        let mut state = *state;
        for controller in [0, 1] {
            while self.act(&mut state, controller) {}
        }
        if state.breach.is_some() {
            return false;
        }
        let goal = self.active(&state).saturating_add(1);
        let mut path = Vec::new();
        let mut completes = false;
        for _ in 0..WAKES {
            let core = state.core();
            if let Some(known) = self.completed.known(&core) {
                completes = known;
                break;
            }
            path.push(core);
            let Some(wake) = self.settle(&mut state) else {
                break;
            };
            if self.active(&state) >= goal {
                completes = self.is_in_order(&state);
                break;
            }
            let Ok(wake) = u8::try_from(wake) else { break };
            state.now = state.now.saturating_add(wake);
        }
        for core in path {
            self.completed.insert(core, completes);
        }
        completes
    }

    /// Steps until there is nothing to do now; says after how many seconds there may be.
    fn settle(&self, state: &mut State) -> Option<u64> {
        for _ in 0..STEPS {
            let step = self.behaviours.step(&self.contents, &state.told());
            if let Some(wake_after) = step.wake_after {
                let wake = wake_after.as_secs();
                return (wake > 0).then_some(wake);
            }
            state.controllers = [step.behaviour, 0];
            while self.act(state, 0) {}
            state.controllers = [0; 2];
            if state.breach.is_some() {
                return None;
            }
        }
        None
    }

    /// Delivers the next call of a controller.
    fn act(&self, state: &mut State, controller: usize) -> bool {
        let calls = state
            .controllers
            .get(controller)
            .map(|id| self.behaviours.value(*id));
        let Some(call) = calls.and_then(|behaviour| behaviour.calls.first().copied()) else {
            return false;
        };
        match self.delivered(state, controller, call, false) {
            Some(next) if state.breach.is_none() => {
                *state = next;
                true
            }
            _ => false,
        }
    }

    fn active(&self, state: &State) -> u32 {
        self.contents.authorities.value(state.authority).active
    }

    /// The leaf is the active generation's, each target holds every root, and whoever has observed all of it agrees.
    fn is_in_order(&self, state: &State) -> bool {
        let authority = self.contents.authorities.value(state.authority);
        let serving = self.contents.servings.value(state.serving);
        let mut generations = authority.generations.iter();
        let signer = generations.find(|generation| generation.number == authority.active);
        let (Some(chain), Some(signer)) = (&serving.chain, signer) else {
            return false;
        };
        let bundles = state
            .targets
            .map(|target| self.contents.bundles.value(target));
        chain.leaf.issuer == Some(signer.facts.entity)
            && bundles.iter().all(|bundle| {
                let mut generations = authority.generations.iter();
                let mut clocks = self.scope.clocks(state.now);
                generations.all(|generation| bundle.holds(generation.root))
                    && clocks.all(|at| go_rules::accepts(bundle, chain, at))
            })
    }
}
