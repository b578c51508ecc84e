//! What an attacker made, and what of it must not be met where he has no right.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::{
    cluster::{SecretId, Writer},
    judge::{
        history::{Clocks, Judge},
        record::Generations,
        shelf::{BundleId, CertId, ChainId, Shelf},
        verdict::{Verdict, demand},
    },
};

/// What an attacker has, and where he was.
#[derive(Debug, Default)]
pub(crate) struct Hostile {
    /// The subjects and public keys of his CAs: any certificate with one of them is his.
    entities: HashSet<(Vec<u8>, Vec<u8>)>,
    /// Certificates with a subject of ours that are none of ours, whatever their keys are.
    impostors: HashSet<CertId>,
    /// What he wrote into targets.
    bundles: HashSet<BundleId>,
    /// The targets that hold what he wrote, or may: since he, or a tool that put it back, wrote there.
    pub(crate) targets: BTreeSet<usize>,
    /// The serving records that he may write, or wrote; and since when a controller has found them well again.
    pub(crate) records: HashMap<SecretId, Option<i64>>,
}

impl Hostile {
    /// From now on this CA is known as an attacker's.
    pub(crate) fn knows(&mut self, ca: CertId, shelf: &Shelf) {
        let cert = shelf.get(ca);
        let entity = (cert.subject.clone(), cert.public_key.clone());
        self.entities.insert(entity);
    }

    /// From now on this certificate is known as one that only looks like ours.
    pub(crate) fn knows_impostor(&mut self, cert: CertId) {
        self.impostors.insert(cert);
    }

    pub(crate) fn is_his(&self, cert: CertId, shelf: &Shelf) -> bool {
        if self.entities.is_empty() && self.impostors.is_empty() {
            return false;
        }
        let found = shelf.get(cert);
        let entity = (found.subject.clone(), found.public_key.clone());
        self.entities.contains(&entity) || self.impostors.contains(&cert)
    }

    /// Whether one of his CAs is named as the issuer of the leaf.
    pub(crate) fn has_made(&self, chain: ChainId, shelf: &Shelf) -> bool {
        let issuer = &shelf.leaf(chain).issuer;
        let mut entities = self.entities.iter();
        entities.any(|(subject, _)| subject == issuer)
    }
}

impl Judge {
    /// From now on this CA is known as an attacker's.
    pub(crate) fn knows_attacker(&mut self, ca: &[u8]) {
        if let Some(ca) = self.shelf.cert(ca) {
            self.hostile.knows(ca, &self.shelf);
        }
    }

    /// From now on these certificates are known as ones that only look like ours.
    pub(crate) fn knows_impostors<'a>(&mut self, certs: impl Iterator<Item = &'a [u8]>) {
        for der in certs {
            if let Some(cert) = self.shelf.cert(der) {
                self.hostile.knows_impostor(cert);
            }
        }
    }

    /// A controller has found the record well: it holds no chain of an attacker's.
    pub(crate) fn record_is_repaired(&mut self, id: SecretId, now: i64) -> Verdict {
        let newest = self.newest(id);
        demand(
            newest.is_none_or(|chain| !self.hostile.has_made(chain, &self.shelf)),
            "repaired",
            || "a controller settled with an attacker's leaf".to_owned(),
        )?;
        if let Some(since) = self.hostile.records.get_mut(&id) {
            since.get_or_insert(now);
        }
        Ok(())
    }

    /// Whether this version of a target is an attacker's, or what a tool put back of his.
    pub(crate) fn notes_attack(
        &mut self,
        target: usize,
        by: Writer,
        bundles: Option<&[BundleId]>,
    ) -> bool {
        let bundles = bundles.unwrap_or_default();
        match by {
            Writer::Controller(_) => false,
            Writer::Attacker => {
                self.hostile.bundles.extend(bundles);
                self.hostile.targets.insert(target);
                true
            }
            Writer::Foreign => {
                let is_his = |bundle: &BundleId| self.hostile.bundles.contains(bundle);
                let is_attack = bundles.iter().any(is_his);
                if is_attack || self.holds_his(bundles) {
                    self.hostile.targets.insert(target);
                }
                is_attack
            }
        }
    }

    fn holds_his(&self, bundles: &[BundleId]) -> bool {
        let anchors = bundles
            .iter()
            .flat_map(|bundle| self.shelf.anchors(*bundle));
        let mut anchors = anchors.copied();
        anchors.any(|anchor| self.hostile.is_his(anchor, &self.shelf))
    }

    /// Whether a certificate of an attacker stands where he never was, or was put out again.
    pub(crate) fn is_infiltrated(&self, target: usize, bundles: Option<&[BundleId]>) -> bool {
        !self.hostile.targets.contains(&target) && self.holds_his(bundles.unwrap_or_default())
    }

    /// Whether callers may rely on a chain that is none of ours: what is remembered, or what stood in a target of late,
    /// verifies it. What a controller has heard may be as old as its watches.
    pub(crate) fn is_relied_on(
        &mut self,
        chain: ChainId,
        version: &Generations,
        clocks: Clocks,
    ) -> bool {
        if self.hostile.has_made(chain, &self.shelf) {
            return false;
        }
        let remembered = self.shelf.bundle(version.remembered.clone());
        let present = self.targets.iter().enumerate();
        let present = present.filter(|(index, _)| !self.unreachable.contains(index));
        let present = present.filter_map(|(_, target)| target.versions.last()?.bundles.as_ref());
        let bundles: Vec<_> = present.flatten().copied().chain([remembered]).collect();
        bundles.into_iter().any(|bundle| {
            let windows = self.shelf.windows(chain, bundle);
            windows
                .iter()
                .any(|(from, to)| *from <= clocks.latest && clocks.latest <= *to)
        })
    }
}
