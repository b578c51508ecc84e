//! All that was ever written, in order, and the judgement of each write as it happens.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::Value;
use webhook_inject::TargetKind;

use crate::{
    cluster::{Change, Content, Entries, SecretId, Writer},
    judge::{
        authority,
        record::{Generations, RecordVersion},
        serving,
        shelf::{BundleId, CertId, ChainId, Shelf},
        target,
        verdict::Verdict,
    },
    readers::TargetVersion,
    script::Setup,
};

/// What the time is when something is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// By the slowest and the fastest of the callers.
    pub(crate) slowest: i64,
    pub(crate) fastest: i64,
    /// The clock allowance that the writer goes by.
    pub(crate) allowance: i64,
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
    /// Bundles that a controller wrote.
    pub(crate) published: HashSet<BundleId>,
    /// The bytes of each set of certificates.
    pub(crate) bytes: HashMap<BundleId, Vec<u8>>,
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

#[derive(Debug)]
pub(crate) struct AuthorityHistory {
    pub(crate) versions: Vec<RecordVersion>,
    /// How often somebody else wrote the record: what was before and what comes after are two histories.
    pub(crate) epoch: u32,
    /// In which histories a root stood in the record.
    pub(crate) roots: HashMap<CertId, HashSet<u32>>,
}

#[derive(Debug, Default)]
pub(crate) struct ServingHistory {
    pub(crate) versions: Vec<Option<ChainId>>,
    /// The certificates that `ca.crt` ever held.
    pub(crate) ca: HashSet<CertId>,
    /// Of which history each chain is, and of which generation.
    pub(crate) origins: HashMap<ChainId, Origin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) epoch: u32,
    pub(crate) generation: u32,
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
        };
        let nothing = || TargetHistory {
            object: None,
            versions: vec![TargetVersion {
                bundles: None,
                is_foreign: true,
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
            published: HashSet::new(),
            bytes: HashMap::new(),
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
            Writer::Foreign => history.epoch += 1,
            Writer::Controller(_) => {
                self.writes.authorities += 1;
                let is_promoted = authority::judge(before, &next, clocks, &mut self.shelf)?;
                self.writes.promotions += u64::from(is_promoted);
            }
        }
        for root in next.generations().into_iter().flat_map(Generations::roots) {
            history.roots.entry(root).or_default().insert(history.epoch);
        }
        history.versions.push(next);
        Ok(())
    }

    /// The chain that a serving record holds.
    pub(crate) fn newest(&self, id: SecretId) -> Option<ChainId> {
        *self.serving.get(&id)?.versions.last()?
    }

    /// Whether every target's present bundle accepts the chain.
    pub(crate) fn is_trusted(&mut self, chain: ChainId, now: i64) -> bool {
        let present = self
            .targets
            .iter()
            .filter_map(|target| target.versions.last());
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
