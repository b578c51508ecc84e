//! The judgement of a write of a target: I0, I2, I3, I5, and that nothing else in the object was touched.

use std::{collections::HashSet, sync::Arc};

use serde_json::Value;
use webhook_inject::TargetKind;

use crate::{
    cluster::{Change, SecretId, Writer, bundle_at, places},
    judge::{
        history::{Clocks, Judge},
        pem,
        record::Generations,
        shelf::{BundleId, CertId},
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
    let history = &mut judge.targets[index];
    history.object = object.cloned();
    history.versions.push(TargetVersion {
        bundles,
        is_foreign: change.by == Writer::Foreign,
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
    let bundle = canonical(judge, new)?;
    let held: HashSet<CertId> = judge.shelf.anchors(bundle).iter().copied().collect();
    let versions = judge.in_force(writer, change);
    let has_roots = |version: &Generations| version.roots().all(|root| held.contains(&root));
    demand(versions.iter().any(has_roots), "I2", || {
        "a bundle lacks a root of the record that it comes from".to_owned()
    })?;
    let before = judge.bundle(old);
    let before: HashSet<CertId> = judge.shelf.anchors(before).iter().copied().collect();
    for gone in before.difference(&held) {
        let end = judge.shelf.get(*gone).not_after;
        demand(
            clocks.lied || end + clocks.allowance < clocks.slowest,
            "I3",
            || {
                format!(
                    "a certificate left a bundle, it ends at {end} and it is {}",
                    clocks.slowest
                )
            },
        )?;
    }
    for new in held.difference(&before) {
        let stored = judge.authorities[writer].stored.contains(new)
            || judge.serving.iter().any(|(id, history)| {
                matches!(id, SecretId::Serving { installation, .. } if *installation == writer)
                    && history.ca.contains(new)
            });
        demand(stored, "I0", || {
            "a certificate was published that was in no stored record".to_owned()
        })?;
    }
    judge.published.entry(bundle).or_insert(clocks.now);
    Ok(())
}

/// I5: strict PEM of a set that is not empty, and always the same bytes for the same set.
fn canonical(judge: &mut Judge, text: &[u8]) -> Result<BundleId, Violation> {
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
    let bundle = judge.shelf.bundle(certs);
    let known = judge.bytes.entry(bundle).or_insert_with(|| text.to_vec());
    demand(known == text, "I5", || {
        "the same set was published as other bytes".to_owned()
    })?;
    Ok(bundle)
}

impl Judge {
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
