//! The judgement of a write of a target: I0, I2, I3, I5, and that nothing else in the object was touched.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ring::digest::{SHA256, digest};
use serde_json::Value;
use webhook_inject::TargetKind;

use crate::{
    cluster::{Change, Writer, bundle_at, places},
    judge::{
        history::{Clocks, Judge},
        pem,
        record::{Generations, RecordVersion},
        shelf::{BundleId, CertId, Shelf},
        verdict::{Verdict, Violation, demand},
    },
    readers::TargetVersion,
};

pub(crate) fn saw(
    judge: &mut Judge,
    index: usize,
    object: Option<&Arc<Value>>,
    change: &Change,
    clocks: Clocks,
) -> Verdict {
    let kind = judge.kinds[index];
    let before = judge.targets[index].object.clone();
    if let (Writer::Controller(controller), Some(object)) = (change.by, object) {
        judge.writes.bundles += 1;
        let before = before.ok_or_else(|| Violation::new("I2", "a target came from nowhere"))?;
        let writer = judge.installation_of[controller];
        demand(
            blanked(kind, &before) == blanked(kind, object),
            "I2",
            || "a controller touched something else than the bundles".to_owned(),
        )?;
        for place in places(kind) {
            let (old, new) = (bundle_at(&before, place), bundle_at(object, place));
            if old != new {
                judge_entry(judge, writer, (&old, &new), change, clocks)?;
            }
        }
    }
    let bundles = object.map(|object| {
        let texts = places(kind).iter().map(|place| bundle_at(object, place));
        texts.map(|text| judge.bundle(&text)).collect()
    });
    let is_attack = judge.notes_attack(index, change.by, bundles.as_deref());
    demand(
        !matches!(change.by, Writer::Controller(_))
            || !judge.is_infiltrated(index, bundles.as_deref()),
        "I10",
        || format!("an attacker's certificate got into target {index}, which he may not write"),
    )?;
    // Where an attacker was, one installation may have left out the roots of another.
    let before = judge.targets[index].versions.last();
    let is_crowded_out =
        judge.authorities.len() > 1 && before.is_some_and(|before| before.is_attack);
    let history = &mut judge.targets[index];
    history.object = object.cloned();
    history.versions.push(TargetVersion {
        bundles,
        is_attack: is_attack || is_crowded_out,
        is_foreign: !matches!(change.by, Writer::Controller(_)),
        since: clocks.now,
    });
    Ok(())
}

fn judge_entry(
    judge: &mut Judge,
    writer: usize,
    (old, new): (&[u8], &[u8]),
    change: &Change,
    clocks: Clocks,
) -> Verdict {
    let bundle = bundle(judge, new)?;
    let held: HashSet<CertId> = judge.shelf.anchors(bundle).iter().copied().collect();
    let versions = judge.in_force(writer, change);
    let has_roots = |version: &Generations| version.roots().all(|root| held.contains(&root));
    let versions: Vec<_> = versions.into_iter().filter(has_roots).collect();
    demand(!versions.is_empty(), "I2", || {
        "a bundle lacks a root of the record that it comes from".to_owned()
    })?;
    demand(
        versions
            .iter()
            .any(|version| is_canonical(&judge.shelf, version, bundle, new)),
        "I5",
        || "a bundle is not its record's roots and then the others, each by fingerprint".to_owned(),
    )?;
    let before = judge.bundle(old);
    let before: HashSet<CertId> = judge.shelf.anchors(before).iter().copied().collect();
    let has_ended = |cert: CertId| {
        clocks.lied || judge.shelf.get(cert).not_after + clocks.allowance < clocks.slowest
    };
    let gone = before.difference(&held).copied();
    let gone: Vec<CertId> = gone.filter(|cert| !has_ended(*cert)).collect();
    let may_go = |version: &Generations| {
        gone.iter().all(|cert| {
            version.is_impostor(*cert, &judge.shelf)
                || !fits(&judge.shelf, version, held.iter().copied().chain([*cert]))
        })
    };
    demand(versions.iter().any(may_go), "I3", || {
        format!(
            "{} certificates left a bundle that have not ended, bear no subject of ours, and were not too many",
            gone.len()
        )
    })?;
    let is_due = |version: &Generations| {
        let mut new = held.difference(&before);
        new.all(|cert| {
            let mut supplied = version.roots().chain(version.remembered.iter().copied());
            supplied.any(|supplied| supplied == *cert)
        })
    };
    demand(versions.iter().any(is_due), "I10", || {
        "a certificate was published that neither stood there nor in the authority record"
            .to_owned()
    })?;
    demand(
        versions
            .iter()
            .any(|version| judge.is_usable(bundle, version)),
        "I10",
        || "a bundle was written with impostors of ours, or with too much".to_owned(),
    )?;
    judge.published.entry(bundle).or_insert(clocks.now);
    Ok(())
}

/// I5: strict PEM of a set that is not empty.
fn bundle(judge: &mut Judge, text: &[u8]) -> Result<BundleId, Violation> {
    let ders = pem::certificates(text);
    demand(!ders.is_empty(), "I5", || {
        "an empty bundle was published".to_owned()
    })?;
    demand(pem::strict(&ders) == text, "I5", || {
        "a bundle is not strict PEM".to_owned()
    })?;
    let certs: Vec<_> = ders
        .iter()
        .filter_map(|der| judge.shelf.cert(der))
        .collect();
    let distinct: HashSet<_> = certs.iter().collect();
    demand(distinct.len() == ders.len(), "I5", || {
        "a bundle holds something twice, or something that is no certificate".to_owned()
    })?;
    Ok(judge.shelf.bundle(certs))
}

/// Always the same bytes for the same set: the roots of the record first, each part in the order of fingerprints.
fn is_canonical(shelf: &Shelf, version: &Generations, bundle: BundleId, text: &[u8]) -> bool {
    let mut certs = shelf.anchors(bundle).to_vec();
    certs.sort_by_key(|cert| {
        let is_ours = version.roots().any(|root| root == *cert);
        let fingerprint = digest(&SHA256, &shelf.get(*cert).der);
        (!is_ours, fingerprint.as_ref().to_vec())
    });
    let ders: Vec<_> = certs
        .iter()
        .map(|cert| shelf.get(*cert).der.clone())
        .collect();
    pem::strict(&ders) == text
}

/// Whether the foreign ones among these may stand in one entry: 16, four of one subject, 64 KiB.
fn fits(shelf: &Shelf, version: &Generations, held: impl Iterator<Item = CertId>) -> bool {
    let (mut count, mut bytes) = (0, 0);
    let mut of_subject: HashMap<&[u8], usize> = HashMap::new();
    let ours = |cert: CertId| {
        let mut ours = version.roots().chain(version.remembered.iter().copied());
        ours.any(|ours| ours == cert)
    };
    for cert in held.filter(|cert| !ours(*cert)) {
        count += 1;
        bytes += pem::strict(std::slice::from_ref(&shelf.get(cert).der)).len();
        *of_subject.entry(&shelf.get(cert).subject).or_default() += 1;
    }
    count <= 16 && bytes <= 64 * 1024 && of_subject.into_values().max().unwrap_or_default() <= 4
}

impl Judge {
    /// Whether nothing stands there that makes verifiers give up.
    fn is_usable(&self, bundle: BundleId, version: &Generations) -> bool {
        let held = || self.shelf.anchors(bundle).iter().copied();
        fits(&self.shelf, version, held())
            && held().all(|cert| !version.is_impostor(cert, &self.shelf))
    }

    /// After a settled run, nothing stands in a target that makes verifiers give up, and no attack is left there.
    pub(crate) fn is_repaired(&mut self, target: usize, installation: usize) -> Verdict {
        let versions = &self.authorities[installation].versions;
        let record = versions.last().and_then(RecordVersion::generations);
        let present = self.targets[target].versions.last();
        let bundles = present.and_then(|version| version.bundles.as_ref());
        if let (Some(record), Some(bundles)) = (record, bundles) {
            let mut bundles = bundles.iter();
            demand(
                bundles.all(|bundle| self.is_usable(*bundle, record)),
                "repaired",
                || {
                    format!(
                        "a controller settled while target {target} holds impostors, or too much"
                    )
                },
            )?;
        }
        let is_whole = self.holds_the_roots_of_all(target);
        if let Some(present) = self.targets[target].versions.last_mut() {
            present.is_attack &= !is_whole;
        }
        Ok(())
    }

    /// Whether every installation finds its roots there: what one leaves out of a crowd may be another's.
    fn holds_the_roots_of_all(&self, target: usize) -> bool {
        let present = self.targets[target].versions.last();
        let bundles = present.and_then(|version| version.bundles.as_ref());
        let mut records = self.authorities.iter().filter_map(|authority| {
            authority
                .versions
                .last()
                .and_then(RecordVersion::generations)
        });
        records.all(|record| {
            let mut bundles = bundles.into_iter().flatten();
            bundles.all(|bundle| {
                let held = self.shelf.anchors(*bundle);
                record.roots().all(|root| held.contains(&root))
            })
        })
    }

    fn bundle(&mut self, text: &[u8]) -> BundleId {
        let ders = pem::certificates(text);
        let certs = ders.iter().filter_map(|der| self.shelf.cert(der)).collect();
        self.shelf.bundle(certs)
    }
}

fn blanked(kind: TargetKind, object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = Value::Null;
    for place in places(kind) {
        let holder = object.pointer_mut(place).and_then(Value::as_object_mut);
        holder.map(|holder| holder.remove("caBundle"));
    }
    object
}
