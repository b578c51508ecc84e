//! An attacker who may patch one target, and nothing else; and another installation in the same entry.

use std::collections::BTreeSet;

use certgen::Fingerprint;
use scenarios::{
    CREATING, Failure, Installation, Load, Program, TARGET, apply, provider, provider_kind, until,
};

use crate::{
    ALONE, Broken, LEAST, PER_SECOND, Stage,
    attacker::{Attacker, NAMESPACE, Object, TARGETS, VALIDATING},
    forgery::{Ca, ENDED, FOR_EVER, crowd_before, in_bundle},
};

/// What an entry keeps of what is not ours.
const FOREIGN: usize = 16;
const OF_ONE_SUBJECT: usize = 4;
const FOREIGN_BYTES: usize = 64 * 1024;

/// Such as sort before our root, and such as have ended: of either a hundred exhaust what a Go client checks.
#[tokio::test]
async fn a_crowd_that_poses_as_our_root_is_dropped_from_every_kind_of_target() -> Result<(), Failure>
{
    let _alone = ALONE.lock().await;
    let stage = with_every_kind().await?;
    let mut broken = Broken::default();
    let root = stage.root().await?;
    for (what, last_year) in [("valid", FOR_EVER), ("ended", ENDED)] {
        let crowd = crowd_before(&root, 120, last_year)? + &root.to_pem();
        for target in TARGETS {
            let attacker = Attacker::of(&stage.cluster, target).await?;
            attacker.writes(&target.holding(&crowd)?).await?;
            attacker.loses_it().await?;
        }
        let mut stay = TARGETS.to_vec();
        stage
            .soon(async || {
                let mut left = Vec::new();
                for target in &stay {
                    if stage.bundle(target).await?.certificates().len() != 1 {
                        left.push(*target);
                    }
                }
                stay = left;
                Ok(stay.is_empty())
            })
            .await?;
        broken.unless(
            stay.is_empty(),
            format!(
                "{what} ones stay in {:?}",
                stay.iter().map(|it| it.kind).collect::<Vec<_>>()
            ),
        );
        let admitted = stage.admits().await?;
        broken.unless(
            admitted.is_ok(),
            format!("{what} ones make calls fail: {admitted:?}"),
        );
    }
    broken.judge();
    Ok(())
}

#[tokio::test]
async fn of_many_foreign_certificates_those_stay_that_end_first() -> Result<(), Failure> {
    if !scenarios::is_whole("many foreign certificates in a target") {
        return Ok(());
    }
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let mut broken = Broken::default();
    let ours = stage.bundle(&VALIDATING).await?;
    let early = cas(FOREIGN, |number| Ca::new(&format!("early {number}"), 2040))?;
    let late = cas(8, |number| Ca::new(&format!("late {number}"), FOR_EVER))?;
    let kept = planted(&stage, &(late + &early)).await?;
    broken.unless(
        kept == fingerprints(&early),
        format!("{} different ones are kept", kept.len()),
    );

    stage.puts(&VALIDATING, &ours.0).await?;
    let early = cas(OF_ONE_SUBJECT, |_| Ca::new("one subject", 2040))?;
    let late = cas(8, |_| Ca::new("one subject", FOR_EVER))?;
    let kept = planted(&stage, &(late + &early)).await?;
    broken.unless(
        kept == fingerprints(&early),
        format!("{} of one subject are kept", kept.len()),
    );
    let admitted = stage.admits().await?;
    broken.unless(admitted.is_ok(), format!("calls fail: {admitted:?}"));
    broken.judge();
    Ok(())
}

#[tokio::test]
async fn large_foreign_certificates_leave_room_for_the_next_root() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    if !scenarios::is_whole("large foreign certificates in a target") {
        return Ok(());
    }
    let stage = Stage::fast().await?;
    let mut broken = Broken::default();
    let load = Load::start(
        vec![stage.cluster.admin.clone()],
        scenarios::CALLED,
        PER_SECOND,
    );
    let attacker = Attacker::of(&stage.cluster, VALIDATING).await?;
    for round in 0..2 {
        let large = cas(60, |number| {
            Ca::of_size(&format!("large {round} {number}"), 8000)
        })?;
        let all = stage.bundle(&VALIDATING).await?.0 + &large;
        attacker.writes(&VALIDATING.holding(&all)?).await?;
        let is_bound = stage
            .soon(async || {
                let bundle = stage.bundle(&VALIDATING).await?.certificates();
                let foreign = bundle
                    .iter()
                    .map(|certificate| certificate.der().len())
                    .filter(|length| *length > 8000);
                Ok(foreign.clone().count() <= FOREIGN && foreign.sum::<usize>() <= FOREIGN_BYTES)
            })
            .await?;
        broken.unless(is_bound, format!("the entry is not bound in round {round}"));
    }
    stage.cluster.rotations(1).await?;
    let root = stage.root().await?.fingerprint();
    let bundle = stage.bundle(&VALIDATING).await?;
    broken.unless(bundle.has(root), "the next root is not published");
    let outcome = load.stop();
    broken.unless(outcome.is_kept(LEAST), outcome.to_string());

    attacker.loses_it().await?;
    stage.puts(&VALIDATING, "").await?;
    let is_as_new = stage
        .soon(async || {
            let bundle = stage.bundle(&VALIDATING).await?.certificates();
            let is_small = |certificate: &certgen::Certificate| certificate.der().len() < 8000;
            Ok(!bundle.is_empty() && bundle.iter().all(is_small))
        })
        .await?;
    broken.unless(is_as_new, "an emptied entry is not as new");
    broken.judge();
    Ok(())
}

/// Both roots among sixteen foreign ones, which end after them, or before.
#[tokio::test]
async fn two_installations_that_share_a_full_entry_settle() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    if !scenarios::is_whole("two installations in a full entry") {
        return Ok(());
    }
    let stage = Stage::new().await?;
    let mut broken = Broken::default();
    let ours = stage.bundle(&VALIDATING).await?;
    let _second = second(&stage.cluster)?;
    let both = |bundle: &crate::Bundle| bundle.certificates().len() == 2;
    until("both roots are there", async || {
        Ok(both(&stage.bundle(&VALIDATING).await?))
    })
    .await?;
    let roots = stage.bundle(&VALIDATING).await?;
    assert!(roots.fingerprints().is_superset(&ours.fingerprints()));
    let this_year = 2026;
    for (what, last_year) in [("after", FOR_EVER), ("before", this_year)] {
        let crowd = cas(FOREIGN, |number| {
            Ca::new(&format!("{what} {number}"), last_year)
        })?;
        stage.puts(&VALIDATING, &(roots.0.clone() + &crowd)).await?;
        let (mut quiet, mut last) = (0, String::new());
        let has_settled = stage
            .soon(async || {
                let object = VALIDATING.api(&stage.cluster.admin).get(TARGET).await?;
                let now = object.metadata.resource_version.unwrap_or_default();
                quiet = if now == last { quiet + 1 } else { 0 };
                last = now;
                // Longer than a writer that is undone waits at first.
                Ok(quiet > 100)
            })
            .await?;
        broken.unless(
            has_settled,
            format!("they go on when those end {what} ours"),
        );
        let has_both = stage
            .bundle(&VALIDATING)
            .await?
            .fingerprints()
            .is_superset(&roots.fingerprints());
        broken.unless(
            has_both,
            format!("a root is missing when those end {what} ours"),
        );
    }
    broken.judge();
    Ok(())
}

/// Another Service's certificates, kept by another keeper, in the same entry.
fn second(cluster: &Installation) -> Result<Program, Failure> {
    let kubeconfig = cluster.folder().join("second");
    cluster.control_plane.admin_kubeconfig(&kubeconfig)?;
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let namespace = format!("--namespace={NAMESPACE}");
    let entry = format!("--validating={TARGET}/{TARGET}");
    let mut words = vec!["run", &namespace, "--service=second", &kubeconfig, &entry];
    words.push("--leader-election=false");
    Ok(Program::start(
        "second",
        "webhook-certs",
        &words,
        cluster.folder(),
    )?)
}

/// Puts them beside ours, and returns what is kept of them once the entry was written again.
async fn planted(stage: &Stage, pem: &str) -> Result<BTreeSet<Fingerprint>, Failure> {
    let ours = stage.bundle(&VALIDATING).await?;
    let all = fingerprints(&(ours.0.clone() + pem));
    let attacker = Attacker::of(&stage.cluster, VALIDATING).await?;
    attacker
        .writes(&VALIDATING.holding(&(ours.0.clone() + pem))?)
        .await?;
    attacker.loses_it().await?;
    stage
        .soon(async || Ok(stage.bundle(&VALIDATING).await?.fingerprints() != all))
        .await?;
    let mut kept = stage.bundle(&VALIDATING).await?.fingerprints();
    kept.retain(|fingerprint| !ours.has(*fingerprint));
    Ok(kept)
}

fn cas(count: usize, make: impl Fn(usize) -> Result<Ca, Failure>) -> Result<String, Failure> {
    (0..count).map(|number| Ok(make(number)?.pem())).collect()
}

fn fingerprints(pem: &str) -> BTreeSet<Fingerprint> {
    let all = in_bundle(pem).into_iter();
    all.map(|certificate| certificate.fingerprint()).collect()
}

/// Every kind of target, kept.
async fn with_every_kind() -> Result<Stage, Failure> {
    let cluster = Installation::new(1, CREATING).await?;
    cluster.validating().await?;
    for object in [
        cluster.configuration("MutatingWebhookConfiguration", TARGET, "uncalled"),
        cluster.crd(),
        cluster.apiservice(),
        provider_kind(),
    ] {
        apply(&cluster.admin, &object.to_string()).await?;
    }
    until("the kind Provider", async || {
        Ok(apply(&cluster.admin, &provider().to_string()).await.is_ok())
    })
    .await?;
    let [_, mutating, crd, apiservice, provider] = TARGETS.map(|target: Object| target.name);
    let flags = [
        ("mutating", mutating),
        ("crd", crd),
        ("apiservice", apiservice),
        ("provider", provider),
    ]
    .map(|(flag, name)| format!("--{flag}={name}"));
    let stage = Stage::kept(cluster, &flags).await?;
    for target in TARGETS {
        until("every target has a bundle", async || {
            Ok(!stage.bundle(&target).await?.0.is_empty())
        })
        .await?;
    }
    Ok(stage)
}
