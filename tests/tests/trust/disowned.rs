//! `webhook-certs disown`: what was planted before is taken out, and nothing that a server needs.

use certgen::Fingerprint;
use scenarios::{CALLED, Failure, Load, Program};

use crate::{
    ALONE, LEAST, PER_SECOND, Stage,
    attacker::{AUTHORITY, Attacker, SERVING, VALIDATING},
    forgery::{Ca, FOR_EVER},
    healed::command,
    take_over::taken_over,
};

#[tokio::test]
async fn what_was_planted_is_disowned_by_the_command_that_is_documented_and_costs_no_call()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let ca = Ca::new("planted", FOR_EVER)?;
    let attacker = Attacker::of(&stage.cluster, VALIDATING).await?;
    let all = stage.bundle(&VALIDATING).await?.0 + &ca.pem();
    attacker.writes(&VALIDATING.holding(&all)?).await?;
    attacker.loses_it().await?;

    let load = Load::start(vec![stage.cluster.admin.clone()], CALLED, PER_SECOND);
    let mut disown = disown(&stage, "disown", ca.fingerprint())?;
    assert!(disown.end().await?.success(), "{}", disown.log()?);
    assert!(!stage.bundle(&VALIDATING).await?.has(ca.fingerprint()));
    stage
        .soon(async || Ok(load.so_far().admitted() > LEAST))
        .await?;
    let outcome = load.stop();
    assert!(outcome.is_kept(LEAST), "{outcome}");
    // A repair does not bring it back.
    assert!(!stage.repaired().await?.has(ca.fingerprint()));
    Ok(())
}

#[tokio::test]
async fn what_a_served_chain_needs_is_not_disowned() -> Result<(), Failure> {
    if !scenarios::is_whole("what a served chain needs is not disowned") {
        return Ok(());
    }
    let _alone = ALONE.lock().await;
    let (stage, foreign) = taken_over(&[]).await?;
    let ours = stage.root().await?;
    let load = Load::start(vec![stage.cluster.admin.clone()], CALLED, PER_SECOND);
    for (name, needed) in [("ours", &ours), ("foreign", &foreign)] {
        let mut refused = disown(&stage, name, needed.fingerprint())?;
        assert!(!refused.end().await?.success(), "{}", refused.log()?);
        assert!(stage.bundle(&VALIDATING).await?.has(needed.fingerprint()));
    }
    let admitted = stage.admits().await?;
    assert!(admitted.is_ok(), "{admitted:?}");
    let outcome = load.stop();
    assert_eq!(outcome.refused(), 0, "{outcome}");
    Ok(())
}

/// An attacker who read the authority Secret has its key until its root is trusted no more.
#[tokio::test]
async fn the_root_of_a_stolen_authority_is_disowned_once_both_records_are_made_anew()
-> Result<(), Failure> {
    if !scenarios::is_whole("the root of a stolen authority is disowned") {
        return Ok(());
    }
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let stolen = stage.root().await?.fingerprint();
    stage.made_anew(&AUTHORITY).await?;
    stage.made_anew(&SERVING).await?;
    let is_served = stage
        .soon(async || {
            let (root, leaf) = (stage.root().await?, stage.served("tls.crt").await?);
            let is_ours = leaf.first().is_some_and(|leaf| leaf.is_signed_by(&root));
            Ok(is_ours && stage.bundle(&VALIDATING).await?.has(root.fingerprint()))
        })
        .await?;
    assert!(is_served, "{}", stage.keeper.log()?);
    let admitted = stage.admits().await?;
    assert!(admitted.is_ok(), "{admitted:?}");

    let load = Load::start(vec![stage.cluster.admin.clone()], CALLED, PER_SECOND);
    let mut disown = disown(&stage, "disown", stolen)?;
    assert!(disown.end().await?.success(), "{}", disown.log()?);
    let is_gone = stage
        .soon(async || Ok(!stage.bundle(&VALIDATING).await?.has(stolen)))
        .await?;
    assert!(is_gone, "{}", stage.keeper.log()?);
    stage
        .soon(async || Ok(load.so_far().admitted() > LEAST))
        .await?;
    let outcome = load.stop();
    assert!(outcome.is_kept(LEAST), "{outcome}");
    Ok(())
}

/// As it stands in `SECURITY.md`, in the cluster of this scenario.
fn disown(stage: &Stage, name: &str, fingerprint: Fingerprint) -> Result<Program, Failure> {
    let command = command("webhook-certs ")?.replace("FINGERPRINT", &fingerprint.to_string());
    let kubeconfig = format!(
        "--kubeconfig={}",
        stage.cluster.keeper_kubeconfig().display()
    );
    let mut words: Vec<&str> = command.split(' ').collect();
    words.push(&kubeconfig);
    Ok(Program::start(
        name,
        "webhook-certs",
        &words,
        stage.cluster.folder(),
    )?)
}
