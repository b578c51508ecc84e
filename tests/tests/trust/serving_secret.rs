//! An attacker who may patch the Secret that pods mount, and nothing else.

use std::time::Duration;

use kube::api::DynamicObject;
use scenarios::{Failure, call_once};
use tokio::time::{Instant, sleep};

use crate::{
    ALONE, Broken, CALLS, Stage,
    attacker::{Attacker, SERVING, VALIDATING, entries},
    forgery::{Ca, ENDED, FOR_EVER, crowd_before, in_bundle},
    impostor::Impostor,
};

const NAME: &str = "guard.guard-system.svc";
/// Names that no webhook's certificate should have.
const COVETED: [&str; 3] = [NAME, "kubernetes.default.svc", "*.kube-system.svc"];
/// Of certificates, each time.
const CROWD: usize = 60;

#[tokio::test]
async fn a_root_planted_beside_the_served_leaf_is_trusted_by_no_target() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let mut stage = Stage::new().await?;
    let mut broken = Broken::default();
    let attacker = Attacker::of(&stage.cluster, SERVING).await?;
    let ca = Ca::new("planted", FOR_EVER)?;
    let before = String::from_utf8(stage.cluster.entry(SERVING.name, "ca.crt").await?)?;
    let answer = attacker
        .writes(&entries(&[("ca.crt", &(before.clone() + &ca.pem()))]))
        .await?;
    // The answer to a patch is the whole object: who may write it has read it.
    assert!(holds_key(&answer), "{answer:?}");

    let bundle = stage.repaired().await?;
    broken.unless(!bundle.has(ca.fingerprint()), "it is published");
    let admitted = stage.admits().await?;
    broken.unless(admitted.is_ok(), format!("calls fail: {admitted:?}"));

    stage.service.take();
    let leaf = ca.leaf(&[NAME], FOR_EVER)?;
    let impostor = Impostor::start(stage.cluster.service.address, &leaf).await?;
    let mut answered = 0;
    for _ in 0..CALLS {
        match call_once(&stage.calls()).await {
            Ok(()) => answered += 1,
            Err(error) => assert!(error.to_string().contains("x509"), "{error}"),
        }
    }
    broken.unless(
        answered == 0,
        format!("a server with a leaf of it answered {answered} calls"),
    );
    drop(impostor);

    attacker.loses_it().await?;
    stage.made_anew(&SERVING).await?;
    let anew = stage.served("ca.crt").await?;
    let is_it = |certificate: &certgen::Certificate| certificate.fingerprint() == ca.fingerprint();
    broken.unless(!anew.iter().any(is_it), "it is in the new serving Secret");
    let bundle = stage.repaired().await?;
    broken.unless(
        !bundle.has(ca.fingerprint()),
        "it stays when the Secret was deleted",
    );
    broken.judge();
    Ok(())
}

#[tokio::test]
async fn a_crowd_that_poses_as_our_root_beside_the_served_leaf_costs_no_call() -> Result<(), Failure>
{
    if !scenarios::is_whole("a crowd beside the served leaf") {
        return Ok(());
    }
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let mut broken = Broken::default();
    let attacker = Attacker::of(&stage.cluster, SERVING).await?;
    let root = stage.root().await?;
    let mut last = 0;
    for _ in 0..2 {
        let crowd = root.to_pem() + &crowd_before(&root, CROWD, FOR_EVER)?;
        attacker.writes(&entries(&[("ca.crt", &crowd)])).await?;
        last = stage.repaired().await?.certificates().len();
    }
    broken.unless(last == 1, format!("{last} certificates are published"));
    let admitted = stage.admits().await?;
    broken.unless(admitted.is_ok(), format!("calls fail: {admitted:?}"));

    attacker.loses_it().await?;
    stage.made_anew(&SERVING).await?;
    last = stage.repaired().await?.certificates().len();
    broken.unless(
        last == 1,
        format!("{last} stay when the Secret was deleted"),
    );
    broken.judge();
    Ok(())
}

#[tokio::test]
async fn large_anchors_beside_the_served_leaf_make_no_target_grow() -> Result<(), Failure> {
    if !scenarios::is_whole("large anchors beside the served leaf") {
        return Ok(());
    }
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let attacker = Attacker::of(&stage.cluster, SERVING).await?;
    let before = stage.bundle(&VALIDATING).await?.0.len();
    let mut after = 0;
    for round in 0..2 {
        let large: Result<String, Failure> = (0..CROWD)
            .map(|number| Ok(Ca::of_size(&format!("{round} {number}"), 8000)?.pem()))
            .collect();
        attacker.writes(&entries(&[("ca.crt", &large?)])).await?;
        after = stage.repaired().await?.0.len();
    }
    assert_eq!(after, before, "bytes of the bundle");
    Ok(())
}

/// Neither an ended nor a valid foreign leaf is waited for if nothing that callers hold verifies it, and neither has
/// a say in what our CA signs.
#[tokio::test]
async fn our_ca_signs_no_name_that_a_foreign_leaf_in_the_secret_asks_for() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let mut broken = Broken::default();
    let attacker = Attacker::of(&stage.cluster, SERVING).await?;
    let ca = Ca::new("planted", FOR_EVER)?;
    for (what, last_year) in [("ended", ENDED), ("valid", FOR_EVER)] {
        let leaf = ca.leaf(&COVETED, last_year)?;
        let patch = entries(&[("tls.crt", &leaf.certificate), ("tls.key", &leaf.key)]);
        attacker.writes(&patch).await?;
        let planted = in_bundle(&leaf.certificate);
        let is_replaced = stage
            .soon(async || {
                let now = stage.served("tls.crt").await?;
                Ok(!now.is_empty() && now != planted)
            })
            .await?;
        broken.unless(is_replaced, format!("the {what} leaf is not replaced"));
        for certificate in stage.served("tls.crt").await? {
            let names = certificate.facts().server_names();
            let names = names
                .map(|names| format!("{:?}", names.dns()))
                .unwrap_or_default();
            let is_coveted = names.contains("kubernetes.default") || names.contains("kube-system");
            broken.unless(
                !is_replaced || !is_coveted,
                format!("our CA signs the names of the {what} leaf: {names}"),
            );
        }
        let admitted = stage.admits().await?;
        broken.unless(admitted.is_ok(), format!("calls fail: {admitted:?}"));
    }
    broken.judge();
    Ok(())
}

#[tokio::test]
async fn foreign_leaves_that_are_written_again_and_again_are_replaced_once_a_second()
-> Result<(), Failure> {
    if !scenarios::is_whole("foreign leaves again and again") {
        return Ok(());
    }
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let attacker = Attacker::of(&stage.cluster, SERVING).await?;
    let ca = Ca::new("planted", FOR_EVER)?;
    let before = stage.our_writes(&SERVING)?;
    let started = Instant::now();
    for _ in 0..100 {
        let leaf = ca.leaf(&[NAME], FOR_EVER)?;
        let patch = entries(&[("tls.crt", &leaf.certificate), ("tls.key", &leaf.key)]);
        attacker.writes(&patch).await?;
        sleep(Duration::from_millis(60)).await;
    }
    let lasted = started.elapsed();
    let writes = stage.our_writes(&SERVING)? - before;
    let bound = usize::try_from(lasted.as_secs())? + 2;
    let mut broken = Broken::default();
    broken.unless(writes >= 1, "it is not replaced meanwhile");
    broken.unless(
        writes <= bound,
        format!("{writes} writes of ours in {lasted:?}"),
    );
    attacker.loses_it().await?;
    let admitted = stage.admits().await?;
    broken.unless(admitted.is_ok(), format!("calls fail: {admitted:?}"));
    broken.judge();
    Ok(())
}

fn holds_key(secret: &DynamicObject) -> bool {
    let key = secret.data.pointer("/data/tls.key");
    key.and_then(|key| key.as_str())
        .is_some_and(|key| !key.is_empty())
}
