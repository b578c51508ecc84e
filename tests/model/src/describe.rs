//! States and actions in words, for the path to a violation.

use crate::{
    cluster::Cluster,
    contents::{BundleId, ServingId},
    state::{Action, State},
    told::{Answer, Call, Place, Read, Sight, Told, What},
};

impl Cluster {
    /// What happens in `action`, which is taken in `state`.
    pub(crate) fn describe(&self, state: &State, action: Action) -> String {
        match action {
            Action::Tick => format!("second {} begins", state.now.saturating_add(1)),
            Action::Begin(id) => {
                let behaviour = self.behaviours.value(id);
                let calls = behaviour.calls.iter().map(|call| self.call(call));
                let calls: Vec<_> = calls.collect();
                let told = self.told(&behaviour.told);
                format!("a controller {told}, and is going to {}", calls.join(", "))
            }
            Action::Deliver {
                controller,
                call,
                lost,
            } => {
                let id = state.controllers.get(controller).copied().unwrap_or(0);
                let behaviour = self.behaviours.value(id);
                let call = behaviour.calls.get(call).map(|call| self.call(call));
                let answer = if lost { ", its answer is lost" } else { "" };
                format!("it arrives: {}{answer}", call.unwrap_or_default())
            }
            Action::Crash { .. } => "a controller in the middle of a step crashes".to_owned(),
            Action::Revert { target, bundle } => {
                format!("somebody puts {} into target {target}", self.bundle(bundle))
            }
            Action::Serve { .. } => "an attacker puts his leaf into the serving record".to_owned(),
            Action::Plant { target, bundle } => {
                format!(
                    "an attacker puts {} into target {target}",
                    self.bundle(bundle)
                )
            }
        }
    }

    /// What stands where.
    pub(crate) fn describe_state(&self, state: &State) -> String {
        let [one, other] = state.targets.map(|bundle| self.bundle(bundle));
        let bundles = self.histories.value(state.bundles);
        let bundles: Vec<_> = bundles.iter().map(|bundle| self.bundle(*bundle)).collect();
        let chains = self.histories.value(state.chains);
        let chains: Vec<_> = chains.iter().map(|chain| self.serving(*chain)).collect();
        format!(
            "then, in second {}: {}; {}; targets {one} and {other}; bundles of callers {}; chains of replicas {}",
            state.now,
            self.authority(state.authority),
            self.serving(state.serving),
            bundles.join(" "),
            chains.join(", "),
        )
    }

    /// What a controller knows.
    fn told(&self, told: &Told) -> String {
        let record = |read, describe: &dyn Fn(u32) -> String| match read {
            Read::Holds(id) => describe(id),
            Read::Damaged(_) => "a damaged record".to_owned(),
            Read::Unavailable => "no answer".to_owned(),
            Read::Asked => "not yet read".to_owned(),
        };
        let targets = told.targets.map(|sight| match sight {
            Sight::Holds(bundle) => self.bundle(bundle),
            Sight::Unavailable => "no answer".to_owned(),
        });
        let later = told.later.iter().map(|(call, answer)| match answer {
            Answer::Record(id) if call.place == Place::Authority => self.authority(*id),
            Answer::Record(id) => self.serving(*id),
            answer => format!("{:?} {answer:?}", call.place),
        });
        let later: Vec<_> = later.collect();
        format!(
            "reads at {:?}: {}; {}; targets {}; then {}",
            told.now,
            record(told.authority, &|id| self.authority(id)),
            record(told.serving, &|id| self.serving(id)),
            targets.join(" and "),
            later.join(", "),
        )
    }

    fn call(&self, call: &Call) -> String {
        match (call.place, call.what) {
            (place, What::Load) => format!("read {place:?}"),
            (Place::Authority, What::Write { content, .. }) => {
                format!("write {}", self.authority(content))
            }
            (Place::Serving, What::Write { content, .. }) => {
                format!("write {}", self.serving(content))
            }
            (Place::Target(target), What::Write { seen, content }) => format!(
                "publish {} in place of {} in target {target}",
                self.bundle(content),
                self.bundle(seen)
            ),
            (Place::AllTargets | Place::Clock, What::Write { .. }) => "publish".to_owned(),
        }
    }

    fn authority(&self, id: u32) -> String {
        let authority = self.contents.authorities.value(id);
        let generations = authority.generations.iter().map(|generation| {
            let (from, until) = (generation.facts.not_before, generation.facts.not_after);
            let signs = if generation.number == authority.active {
                " signs"
            } else {
                ""
            };
            format!("g{} {from}..{until}{signs}", generation.number)
        });
        let generations: Vec<_> = generations.collect();
        format!("authority [{}]", generations.join(", "))
    }

    fn serving(&self, id: ServingId) -> String {
        let serving = self.contents.servings.value(id);
        let Some(chain) = &serving.chain else {
            return "no leaf".to_owned();
        };
        let issuer = chain.leaf.issuer.map(|entity| self.generation_of(entity));
        format!(
            "leaf of {} until {} with {} crosses",
            issuer.unwrap_or_else(|| "nobody".to_owned()),
            chain.leaf.not_after,
            chain.crosses.len()
        )
    }

    fn bundle(&self, id: BundleId) -> String {
        let bundle = self.contents.bundles.value(id);
        let roots = bundle.roots.iter().map(|(_, root)| {
            format!(
                "{} until {}",
                self.generation_of(root.entity),
                root.not_after
            )
        });
        format!("{{{}}}", roots.collect::<Vec<_>>().join(", "))
    }

    /// The generation as its root's subject tells it.
    fn generation_of(&self, entity: u32) -> String {
        let root = self.contents.roots.find(|root| root.facts.entity == entity);
        let subject = root.map(|root| root.anchor.facts().subject.clone());
        let word = subject
            .as_deref()
            .and_then(|subject| subject.split(' ').nth(3));
        word.unwrap_or("nobody").to_owned()
    }
}
