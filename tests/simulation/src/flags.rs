//! What those who run the controllers change: flags and versions; and what of it waits for a rotation to be in progress.

use crate::{judge::Verdict, script::Event, world::World};

impl World {
    /// The controllers whose flags change, or the one whose version does, begin anew.
    pub(crate) fn restart_with_other_flags(&mut self, event: &Event) {
        let Some(changed) = self.rotation_of(event) else {
            return;
        };
        match event {
            Event::Names { controller, extra } => {
                let index = controller % self.controllers.len();
                self.controllers[index].want(*extra);
                return self.crash(index);
            }
            Event::Rules { rules, .. } => self.installations[changed].rules = *rules,
            Event::Delist { target, .. } => self.delist(changed, *target),
            Event::Enlist { target, .. } => self.enlist(changed, *target),
            _ => return,
        }
        self.bench.unlisted[changed].clone_from(&self.installations[changed].unlisted);
        for index in 0..self.controllers.len() {
            if self.controllers[index].installation() == changed {
                self.crash(index);
            }
        }
    }

    /// The flags name one target at least.
    fn delist(&mut self, installation: usize, target: usize) {
        let targets = self.judge.targets.len();
        let unlisted = &mut self.installations[installation].unlisted;
        if unlisted.len() + 1 < targets {
            unlisted.insert(target % targets);
        }
    }

    /// Of the targets that the flags do not name.
    fn enlist(&mut self, installation: usize, target: usize) {
        let unlisted = &mut self.installations[installation].unlisted;
        let added = unlisted.iter().nth(target % unlisted.len().max(1));
        if let Some(added) = added.copied() {
            unlisted.remove(&added);
        }
    }

    /// What has waited for this moment happens.
    pub(crate) fn carry_out_what_waits(&mut self) -> Verdict {
        let waiting = std::mem::take(&mut self.waiting);
        for event in waiting {
            if self.is_in_mid_rotation(self.rotation_of(&event)) {
                self.act(&event)?;
            } else {
                self.waiting.push(event);
            }
        }
        Ok(())
    }

    /// The installation whose rotation the event concerns; none: any.
    pub(crate) fn rotation_of(&self, event: &Event) -> Option<usize> {
        match event {
            Event::Names { controller, .. } => {
                Some(self.controllers[controller % self.controllers.len()].installation())
            }
            Event::Rules { installation, .. }
            | Event::Delist { installation, .. }
            | Event::Enlist { installation, .. }
            | Event::LoseAuthority { installation }
            | Event::RestoreAuthority { installation, .. }
            | Event::GarbleAuthority { installation, .. }
            | Event::ForbidServing { installation, .. }
            | Event::SpoilServing { installation, .. } => {
                Some(installation % self.installations.len())
            }
            _ => None,
        }
    }

    /// Whether a successor is published that does not sign yet.
    pub(crate) fn is_in_mid_rotation(&self, installation: Option<usize>) -> bool {
        let mut authorities = self.judge.authorities.iter().enumerate();
        authorities.any(|(number, history)| {
            let record = history.versions.last();
            let record = record.and_then(|version| version.generations());
            installation.is_none_or(|installation| installation == number)
                && record.is_some_and(|record| record.newest().0 > record.active)
        })
    }

    /// Whether there is a target to add, to take out or to delete, or another name to ask for.
    pub(crate) fn changes_something(&self, event: &Event) -> bool {
        let targets = self.judge.targets.len();
        let unlisted = |installation: &usize| {
            let number = installation % self.installations.len();
            &self.installations[number].unlisted
        };
        match event {
            Event::Enlist { installation, .. } => !unlisted(installation).is_empty(),
            Event::Delist {
                installation,
                target,
            } => {
                let unlisted = unlisted(installation);
                unlisted.len() + 1 < targets && !unlisted.contains(&(target % targets))
            }
            Event::Delete { target } => self.judge.targets[target % targets].object.is_some(),
            Event::Names { controller, extra } => {
                self.controllers[controller % self.controllers.len()].wants() != *extra
            }
            _ => true,
        }
    }

    pub(crate) fn changes_algorithm(&self, event: &Event) -> bool {
        let Event::Rules {
            installation,
            rules,
        } = event
        else {
            return false;
        };
        let number = installation % self.installations.len();
        self.installations[number].rules.algorithm != rules.algorithm
    }
}
