//! Liveness: from a state, everybody finishes what was begun, then one healthy controller goes on alone.

use crate::{
    cluster::Cluster,
    state::{Action, State},
};

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

    /// The leaf is the active generation's, and each target holds every root.
    fn is_in_order(&self, state: &State) -> bool {
        let authority = self.contents.authorities.value(state.authority);
        let serving = self.contents.servings.value(state.serving);
        let issuer = serving.chain.as_ref().and_then(|chain| chain.leaf.issuer);
        let mut generations = authority.generations.iter();
        let signs = generations.find(|generation| generation.number == authority.active);
        let holds_all = |bundle: u32| {
            let bundle = self.contents.bundles.value(bundle);
            let mut generations = authority.generations.iter();
            generations.all(|generation| {
                bundle
                    .roots
                    .iter()
                    .any(|(root, _)| *root == generation.root)
            })
        };
        issuer.is_some()
            && issuer == signs.map(|generation| generation.facts.entity)
            && state.targets.into_iter().all(holds_all)
    }
}

/// For the report: what happens in an action.
pub(crate) fn describe(cluster: &Cluster, action: Action) -> String {
    match action {
        Action::Tick => "a second passes".to_owned(),
        Action::Begin(id) => {
            let behaviour = cluster.behaviours.value(id);
            format!(
                "a controller reads {:?} and is going to {:?}",
                behaviour.told, behaviour.calls
            )
        }
        Action::Deliver {
            controller,
            call,
            lost,
        } => {
            let answer = if lost { ", the answer is lost" } else { "" };
            format!("call {call} of controller {controller} arrives{answer}")
        }
        Action::Crash { controller } => format!("controller {controller} crashes"),
        Action::Revert { target, bundle } => {
            format!("somebody puts bundle {bundle} back into target {target}")
        }
    }
}
