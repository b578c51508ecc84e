//! The search through every state, and what came out of it.

use std::{
    fmt,
    num::NonZero,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use stateright::{Checker as _, HasDiscoveries, Model, Path, Property};

use crate::{
    attacker,
    cluster::Cluster,
    go_rules,
    scope::Scope,
    state::{Action, State},
};

/// Not a promise, but says that the search went that far.
const THIRD: &str = "generation 3 signs";

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.start()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.after(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "every caller accepts every replica",
                |cluster: &Self, state: &State| cluster.accepts_all(state),
            ),
            Property::always(
                "no caller accepts an attacker's leaf",
                |cluster: &Self, state: &State| cluster.accepts_no_attacker(state),
            ),
            Property::always("no write breaks an invariant", |_, state: &State| {
                state.breach.is_none()
            }),
            Property::always(
                "a fair schedule completes the rotation",
                |cluster: &Self, state: &State| state.breach.is_some() || cluster.completes(state),
            ),
            Property::sometimes(THIRD, |cluster: &Self, state: &State| {
                let authority = cluster.contents.authorities.value(state.authority);
                authority.active == 3
            }),
        ]
    }
}

impl Cluster {
    /// I10: whatever a replica serves that took the attacker's leaf.
    fn accepts_no_attacker(&self, state: &State) -> bool {
        let serving = self.contents.servings.value(state.serving);
        let theirs = serving.chain.as_ref();
        let theirs = theirs.filter(|chain| attacker::is_his(&self.contents, chain.leaf.issuer));
        theirs.is_none_or(|chain| {
            let bundles = self.histories.value(state.bundles);
            bundles.iter().all(|bundle| {
                let bundle = self.contents.bundles.value(*bundle);
                let mut clocks = self.scope.clocks(state.now);
                clocks.all(|at| !go_rules::accepts(&bundle, chain, at))
            })
        })
    }

    /// Whether every bundle of the past accepts every chain of the past, whenever a root of the one and the leaf of the
    /// other are valid.
    fn accepts_all(&self, state: &State) -> bool {
        let question = (state.bundles, state.chains, state.now);
        self.verdicts.get(&question, || {
            let bundles = self.histories.value(state.bundles);
            let chains = self.histories.value(state.chains);
            bundles.iter().all(|bundle| {
                let bundle = self.contents.bundles.value(*bundle);
                chains.iter().all(|chain| {
                    let serving = self.contents.servings.value(*chain);
                    let chain = serving.chain.as_ref();
                    let mut clocks = self.scope.clocks(state.now);
                    chain.is_none_or(|chain| {
                        clocks.all(|at| {
                            !go_rules::is_promised(&bundle, chain, at)
                                || go_rules::accepts(&bundle, chain, at)
                        })
                    })
                })
            })
        })
    }
}

/// What a search found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found {
    /// The scope's name.
    pub name: &'static str,
    /// Different states.
    pub states: usize,
    /// States met, again and again.
    pub met: usize,
    /// The longest of the shortest paths to a state.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// How often the product's step ran.
    pub steps: usize,
    /// How many different behaviours came out of them.
    pub behaviours: usize,
    /// How many states a fair schedule went through.
    pub fair: usize,
    /// Whether generation 3 signed in some state.
    pub third: bool,
    /// Each property that does not hold, with the actions that show it.
    pub violations: Vec<(&'static str, String)>,
}

/// Searches the whole space of `scope`, on every processor.
pub fn search(scope: Scope) -> Found {
    let threads = available_parallelism().map_or(1, NonZero::get);
    let began = now();
    let checker = Cluster::new(scope).checker();
    let checker = checker
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    let took = now().saturating_duration_since(began);
    let cluster = checker.model();
    let mut discoveries = checker.discoveries();
    let third = discoveries.remove(THIRD).is_some();
    let violations = discoveries
        .into_iter()
        .map(|(property, path)| (property, told(cluster, path)))
        .collect();
    let (behaviours, steps) = cluster.behaviours.counts();
    Found {
        name: scope.name,
        states: checker.unique_state_count(),
        met: checker.state_count(),
        depth: checker.max_depth(),
        took,
        steps,
        behaviours,
        fair: cluster.completed.len(),
        third,
        violations,
    }
}

/// What happened on the way to a violation, a line each.
fn told(cluster: &Cluster, path: Path<State, Action>) -> String {
    let last = *path.last_state();
    let steps = path.into_vec().into_iter();
    let steps = steps.filter_map(|(state, action)| Some(cluster.describe(&state, action?)));
    let breach = last.breach.map(|breach| breach.to_string());
    let lines = steps.chain([cluster.describe_state(&last)]).chain(breach);
    lines.collect::<Vec<_>>().join("\n")
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a search took is part of its report"
)]
fn now() -> Instant {
    Instant::now()
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            states,
            met,
            depth,
            took,
            steps,
            behaviours,
            fair,
            third,
            violations,
        } = self;
        writeln!(
            f,
            "proved: every state, {name}: {states} cases, {} violations",
            violations.len()
        )?;
        write!(
            f,
            "in {:.1} s: {met} states met, to a depth of {depth}; {steps} runs of the step gave {behaviours} behaviours; \
             {fair} states of fair schedules; generation 3 signs: {third}",
            took.as_secs_f64()
        )?;
        for (property, path) in violations {
            write!(f, "\nviolated: {property}\n{path}")?;
        }
        Ok(())
    }
}
