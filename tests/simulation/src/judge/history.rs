//! All that was ever written, in order, and the judgement of each write as it happens.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use serde_json::Value;
use webhook_inject::TargetKind;

use crate::{
    cluster::{Change, Content, Entries, SecretId, Writer},
    judge::{
        authority,
        hostile::Hostile,
        record::{Generations, RecordVersion},
        serving,
        shelf::{BundleId, CertId, ChainId, Shelf},
        target,
        verdict::{Verdict, demand},
    },
    readers::TargetVersion,
    script::{START, Setup},
};

/// What the time is when something is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    pub(crate) now: i64,
    /// By the slowest and the fastest of the callers.
    pub(crate) slowest: i64,
    pub(crate) fastest: i64,
    /// The clock allowance that the writer goes by.
    pub(crate) allowance: i64,
    /// The latest time of the writer's bounds.
    pub(crate) latest: i64,
    pub(crate) dwell: i64,
    /// Half of the time in which a leaf is to be renewed: when a switch no longer waits.
    pub(crate) reserve: i64,
    /// The writer's watches were cut: what it knows of targets may be from long ago.
    pub(crate) is_deaf: bool,
    /// The bounds of some controller did not contain the time: what rests on it is not demanded.
    pub(crate) lied: bool,
}

#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) shelf: Shelf,
    pub(crate) authorities: Vec<AuthorityHistory>,
    pub(crate) serving: HashMap<SecretId, ServingHistory>,
    pub(crate) targets: Vec<TargetHistory>,
    pub(crate) kinds: Vec<TargetKind>,
    /// By controller.
    pub(crate) installation_of: Vec<usize>,
    /// Targets that the controllers that work now do not keep in order.
    pub(crate) unreachable: BTreeSet<usize>,
    /// Bundles that a controller wrote, and when it was first.
    pub(crate) published: HashMap<BundleId, i64>,
    pub(crate) hostile: Hostile,
    pub(crate) writes: Writes,
}

/// How many writes of controllers there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writes {
    pub(crate) authorities: u64,
    pub(crate) promotions: u64,
    pub(crate) leaves: u64,
    pub(crate) bundles: u64,
}

/// The history of a certificate that somebody else made and that is taken over.
pub(crate) const FOREIGN: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct AuthorityHistory {
    pub(crate) versions: Vec<RecordVersion>,
    /// How often somebody else wrote the record: what was before and what comes after are two histories.
    pub(crate) epoch: u32,
    /// In which histories a root stood in the record; somebody else's root in [`FOREIGN`].
    pub(crate) roots: HashMap<CertId, HashSet<u32>>,
    /// Roots of before the last lie, and those that it made: what joins them to later ones may not have started.
    pub(crate) tainted: HashSet<CertId>,
    /// The history in which the record was well again after the last lie.
    pub(crate) mended: u32,
    /// Every root that ever stood in the record.
    pub(crate) stored: HashSet<CertId>,
}

#[derive(Debug, Default)]
pub(crate) struct ServingHistory {
    pub(crate) versions: Vec<Option<ChainId>>,
    /// Of which history each chain is, and of which generation.
    pub(crate) origins: HashMap<ChainId, Origin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) epoch: u32,
    pub(crate) generation: u32,
    /// When the chain was stored first.
    pub(crate) since: i64,
}

#[derive(Debug, Default)]
pub(crate) struct TargetHistory {
    pub(crate) object: Option<Arc<Value>>,
    pub(crate) versions: Vec<TargetVersion>,
    /// Until when each bundle stood there with every root of the record.
    pub(crate) whole_until: HashMap<BundleId, i64>,
}

impl Judge {
    pub(crate) fn new(setup: &Setup) -> Self {
        let blank = || AuthorityHistory {
            versions: vec![RecordVersion {
                revision: 0,
                content: super::record::RecordContent::Blank,
            }],
            epoch: 0,
            roots: HashMap::new(),
            tainted: HashSet::new(),
            mended: 0,
            stored: HashSet::new(),
        };
        let nothing = || TargetHistory {
            object: None,
            versions: vec![TargetVersion {
                bundles: None,
                is_foreign: true,
                is_attack: false,
                since: i64::MIN,
            }],
            whole_until: HashMap::new(),
        };
        Self {
            shelf: Shelf::default(),
            authorities: setup.installations.iter().map(|_| blank()).collect(),
            serving: HashMap::new(),
            targets: setup.targets.iter().map(|_| nothing()).collect(),
            kinds: setup.targets.clone(),
            installation_of: setup
                .controllers
                .iter()
                .map(|controller| controller.installation)
                .collect(),
            unreachable: BTreeSet::new(),
            published: HashMap::new(),
            hostile: Hostile::default(),
            writes: Writes::default(),
        }
    }

    /// Judges one write and remembers it.
    pub(crate) fn saw(&mut self, change: &Change, clocks: Clocks) -> Verdict {
        match &change.content {
            Content::Secret(SecretId::Authority { installation }, entries) => {
                self.saw_authority(*installation, entries.as_ref(), change, clocks)
            }
            Content::Secret(id @ SecretId::Serving { .. }, entries) => {
                serving::saw(self, *id, entries.as_ref(), change, clocks)
            }
            Content::Target(index, object) => {
                target::saw(self, *index, object.as_ref(), change, clocks)
            }
        }
    }

    fn saw_authority(
        &mut self,
        installation: usize,
        entries: Option<&Entries>,
        change: &Change,
        clocks: Clocks,
    ) -> Verdict {
        let next = RecordVersion::read(entries, change.revision, &mut self.shelf);
        let history = &mut self.authorities[installation];
        let before = history.versions.last().expect("begins with a blank one");
        match change.by {
            Writer::Foreign | Writer::Attacker => history.epoch += 1,
            Writer::Controller(_) => {
                self.writes.authorities += 1;
                let is_promoted = authority::judge(before, &next, clocks, &mut self.shelf)?;
                self.writes.promotions += u64::from(is_promoted);
            }
        }
        let remembered = next.generations().into_iter();
        let mut remembered = remembered.flat_map(|next| next.remembered.iter());
        demand(
            remembered.all(|root| !self.hostile.is_his(*root, &self.shelf)),
            "I10",
            || "an attacker's certificate is remembered".to_owned(),
        )?;
        for root in next.generations().into_iter().flat_map(Generations::roots) {
            history.roots.entry(root).or_default().insert(history.epoch);
            history.stored.insert(root);
        }
        history.versions.push(next);
        Ok(())
    }

    /// The chain in `id`, and every bundle that there is, are a stranger's and belong together.
    pub(crate) fn acknowledge_stranger(&mut self, id: SecretId) {
        let Some(chain) = self.newest(id) else {
            return;
        };
        let origin = Origin {
            epoch: FOREIGN,
            generation: 0,
            since: START,
        };
        let serving = self.serving.entry(id).or_default();
        serving.origins.insert(chain, origin);
        let present = self
            .targets
            .iter()
            .filter_map(|target| target.versions.last());
        for bundle in present.flat_map(|version| version.bundles.iter().flatten()) {
            self.published.insert(*bundle, START);
            for anchor in self.shelf.anchors(*bundle) {
                let roots = &mut self.authorities[0].roots;
                roots.entry(*anchor).or_default().insert(FOREIGN);
            }
        }
    }

    /// The chain that a serving record holds.
    pub(crate) fn newest(&self, id: SecretId) -> Option<ChainId> {
        *self.serving.get(&id)?.versions.last()?
    }

    /// After a lie the records are as they should be again: only the generations from the active one on count.
    pub(crate) fn recovered(&mut self) {
        for history in &mut self.authorities {
            let record = history.versions.last().and_then(RecordVersion::generations);
            let counts = record.map(|record| record.all[&record.active].root);
            history.tainted = history.stored.clone();
            history.mended = history.epoch;
            counts.map(|root| history.tainted.remove(&root));
        }
    }

    /// Notes which bundles are whole: they hold every root of the first authority's record, or stand there and `any` will do.
    /// Nothing changes meanwhile.
    pub(crate) fn note_whole(&mut self, until: i64, any: bool) {
        let record = self.authorities[0].versions.last();
        let Some(record) = record.and_then(RecordVersion::generations) else {
            return;
        };
        for target in &mut self.targets {
            let present = target
                .versions
                .last()
                .and_then(|version| version.bundles.as_ref());
            for bundle in present.into_iter().flatten() {
                let anchors = self.shelf.anchors(*bundle);
                let is_ours = any && self.published.contains_key(bundle);
                if is_ours || record.roots().all(|root| anchors.contains(&root)) {
                    target.whole_until.insert(*bundle, until);
                }
            }
        }
    }

    /// After a settled run, a target that exists holds every root of the record.
    pub(crate) fn holds_every_root(&self, target: usize, installation: usize) -> Verdict {
        let versions = &self.authorities[installation].versions;
        let record = versions.last().and_then(RecordVersion::generations);
        let present = self.targets[target].versions.last();
        let bundles = present.and_then(|version| version.bundles.as_ref());
        let (Some(record), Some(bundles)) = (record, bundles) else {
            return Ok(());
        };
        let holds = |bundle: &BundleId| {
            let anchors = self.shelf.anchors(*bundle);
            record.roots().all(|root| anchors.contains(&root))
        };
        demand(bundles.iter().all(holds), "published", || {
            format!("a controller settled while target {target} lacks a root of the record")
        })
    }

    /// Whether the present bundle of every target but these accepts the chain.
    pub(crate) fn is_trusted(
        &mut self,
        chain: ChainId,
        now: i64,
        unlisted: &BTreeSet<usize>,
    ) -> bool {
        let targets = self.targets.iter().enumerate();
        let present = targets
            .filter(|(index, _)| !unlisted.contains(index))
            .filter_map(|(_, target)| target.versions.last());
        let bundles: Vec<BundleId> = present
            .filter_map(|version| version.bundles.clone())
            .flatten()
            .collect();
        bundles.into_iter().all(|bundle| {
            let windows = self.shelf.windows(chain, bundle);
            windows.iter().any(|(from, to)| *from <= now && now <= *to)
        })
    }

    /// The versions of the authority record that a writer may have gone by: all that were current while it worked.
    pub(crate) fn in_force(&self, installation: usize, change: &Change) -> Vec<Generations> {
        let versions = &self.authorities[installation].versions;
        let began = versions
            .iter()
            .rposition(|version| version.revision <= change.since)
            .unwrap_or_default();
        versions[began..]
            .iter()
            .filter_map(RecordVersion::generations)
            .cloned()
            .collect()
    }
}
