//! The judgement of a write of a serving record: I0, I1, I4, I6.

use crate::{
    cluster::{Change, Entries, SecretId, Writer},
    judge::{
        history::{Clocks, Judge, Origin},
        paths::first_gap,
        pem,
        record::{Generations, public_half},
        shelf::{ChainId, Shelf},
        verdict::{Verdict, Violation, demand},
    },
};

pub(crate) fn saw(
    judge: &mut Judge,
    id: SecretId,
    entries: Option<&Entries>,
    change: &Change,
    clocks: Clocks,
) -> Verdict {
    let chain = entries.and_then(|entries| chain(entries, &mut judge.shelf));
    if let Writer::Controller(_) = change.by {
        judge.writes.leaves += 1;
        let chain = chain.ok_or_else(|| {
            Violation::new("I0", "a controller wrote a chain that cannot be served")
        })?;
        let origin = origin(judge, id, chain, change, clocks)?;
        names_stay(judge, id, chain, change)?;
        let history = judge.serving.entry(id).or_default();
        history.origins.entry(chain).or_insert(origin);
    }
    let history = judge.serving.entry(id).or_default();
    history.versions.push(chain);
    Ok(())
}

/// What a server makes of the record: none if the key is not the leaf's.
fn chain(entries: &Entries, shelf: &mut Shelf) -> Option<ChainId> {
    let ders = pem::certificates(entries.get("tls.crt")?);
    let certs: Option<Vec<_>> = ders.iter().map(|der| shelf.cert(der)).collect();
    let certs = certs.filter(|certs| !certs.is_empty())?;
    let public = public_half(&pem::private_key(entries.get("tls.key")?)?)?;
    let is_its_key = shelf.get(certs[0]).public_key.ends_with(&public);
    is_its_key.then(|| shelf.chain(certs))
}

/// Finds the version of the authority record that the chain comes from. None: something in it was not stored before.
fn origin(
    judge: &mut Judge,
    id: SecretId,
    chain: ChainId,
    change: &Change,
    clocks: Clocks,
) -> Result<Origin, Violation> {
    let SecretId::Serving { installation, .. } = id else {
        return Err(Violation::new("I0", "not a serving record"));
    };
    let versions = judge.in_force(installation, change);
    let leaf = judge.shelf.served(chain)[0];
    let signers: Vec<&Generations> = versions
        .iter()
        .filter(|version| {
            let root = version.all[&version.active].root;
            judge.shelf.is_signed_by(leaf, root)
        })
        .collect();
    demand(!signers.is_empty(), "I0", || {
        "a leaf was stored whose signing key was in no stored record".to_owned()
    })?;
    let served = judge.shelf.served(chain).to_vec();
    let with_crosses = signers.iter().find(|version| {
        version
            .crosses(version.active)
            .all(|cross| served.contains(&cross))
    });
    let version = with_crosses.ok_or_else(|| {
        Violation::new(
            "I1",
            "a chain lacks a cross of the record that it comes from",
        )
    })?;
    starts_and_ends(judge, chain, version)?;
    verifies_alone(judge, chain, version, clocks)?;
    let epochs = &judge.authorities[installation].roots[&version.all[&version.active].root];
    let origin = Origin {
        epoch: *epochs.iter().max().expect("stood in the record"),
        generation: version.active,
        since: clocks.now,
    };
    let before = judge.serving.get(&id).and_then(|history| {
        let last = (*history.versions.last()?)?;
        Some((last, *history.origins.get(&last)?))
    });
    if let Some((last, _)) = before {
        dwelled(judge, last, version, clocks)?;
    }
    let goes_back = before.is_some_and(|(_, before)| {
        before.epoch == origin.epoch && before.generation > origin.generation
    });
    demand(!goes_back, "I4", || {
        "a leaf's generation went back".to_owned()
    })?;
    Ok(origin)
}

/// A chain of another history is replaced only when every target has held the new root for the dwell, or when little of it
/// is left.
fn dwelled(judge: &mut Judge, last: ChainId, version: &Generations, clocks: Clocks) -> Verdict {
    let left = judge.shelf.leaf(last).not_after - clocks.latest;
    let leaf = judge.shelf.served(last)[0];
    let is_ours = version
        .roots()
        .any(|root| judge.shelf.is_signed_by(leaf, root));
    // What verified the leaf when the watches were cut may be long gone, and another certificate be in its place.
    let is_waited_for = !clocks.is_deaf && judge.is_relied_on(last, version, clocks);
    if is_ours || left < clocks.reserve || clocks.lied || !is_waited_for {
        return Ok(());
    }
    let root = version.all[&version.active].root;
    let since = clocks.now - clocks.dwell;
    for (index, target) in judge.targets.iter().enumerate() {
        if judge.unreachable.contains(&index) || target.object.is_none() {
            continue;
        }
        let first = target
            .versions
            .iter()
            .rposition(|version| version.since <= since)
            .unwrap_or_default();
        for version in target.versions[first..]
            .iter()
            .filter(|version| !version.is_foreign)
        {
            let mut bundles = version.bundles.iter().flatten();
            demand(
                bundles.all(|bundle| judge.shelf.anchors(*bundle).contains(&root)),
                "dwell",
                || {
                    format!(
                        "a leaf of another history was switched while target {index} had not held its root for the dwell"
                    )
                },
            )?;
        }
    }
    Ok(())
}

/// Whether a root of the record issued it, as far as the writer may know.
fn is_ours(judge: &mut Judge, id: SecretId, chain: ChainId, change: &Change) -> bool {
    let SecretId::Serving { installation, .. } = id else {
        return false;
    };
    let leaf = judge.shelf.served(chain)[0];
    judge.in_force(installation, change).iter().all(|version| {
        let mut roots = version.roots();
        roots.any(|root| judge.shelf.is_signed_by(leaf, root))
    })
}

fn starts_and_ends(judge: &Judge, chain: ChainId, version: &Generations) -> Verdict {
    let root = judge.shelf.get(version.all[&version.active].root);
    let leaf = judge.shelf.leaf(chain);
    let fits = leaf.not_before == root.not_before && leaf.not_after <= root.not_after;
    demand(fits && !leaf.is_ca, "profile", || {
        "a leaf does not start with its root, or outlives it".to_owned()
    })
}

/// I6: under each root of the record up to its own, alone, by whoever's clock.
fn verifies_alone(
    judge: &mut Judge,
    chain: ChainId,
    version: &Generations,
    clocks: Clocks,
) -> Verdict {
    if clocks.lied {
        return Ok(());
    }
    for now in [clocks.slowest, clocks.fastest] {
        let mut above = version.active + 1;
        for (number, generation) in version.all.range(..=version.active).rev() {
            let root = judge.shelf.get(generation.root);
            let is_valid = root.not_before <= now && now <= root.not_after;
            if !is_valid || number + 1 != above || judge.shelf.leaf(chain).not_after < now {
                // A root that ended before an older one, or has not started, was made while a clock lied: perhaps nothing
                // joins what is on both sides of it.
                break;
            }
            above = *number;
            let alone = judge.shelf.bundle(vec![generation.root]);
            let windows = judge.shelf.windows(chain, alone);
            demand(first_gap(&windows, now, now).is_none(), "I6", || {
                format!(
                    "a chain of generation {} is refused under root {number} alone",
                    version.active
                )
            })?;
        }
    }
    Ok(())
}

/// Two versions of a program never take a name from each other; and no name comes from anywhere else.
fn names_stay(judge: &mut Judge, id: SecretId, chain: ChainId, change: &Change) -> Verdict {
    let last = judge
        .serving
        .get(&id)
        .and_then(|history| *history.versions.last()?);
    let last = last.filter(|last| is_ours(judge, id, *last, change));
    let names = &judge.shelf.leaf(chain).names;
    let is_wanted =
        |name: &String| name.starts_with("guard") && name.ends_with(".guard-system.svc");
    demand(names.iter().all(is_wanted), "names", || {
        format!("a new leaf carries a name that no flag asks for: {names:?}")
    })?;
    let lost = last.and_then(|last| {
        let before = judge.shelf.leaf(last).names.iter();
        before.into_iter().find(|name| !names.contains(name))
    });
    demand(lost.is_none(), "names", || {
        format!("a new leaf lost the name {lost:?}")
    })
}
