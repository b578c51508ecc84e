//! CA rotations under load.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use certgen::{UnixTime, parse_bundle};
use kube_adapter::{SystemEntropy, local_time};
use rotator_core::Entropy;
use scenarios::{CALLED, Failure, Installation, Load, Mode, PREMADE, TARGET, apply, until};
use serde_json::json;

use crate::{ALONE, report};

const PER_SECOND: u32 = 150;
const KIND: &str = "ValidatingWebhookConfiguration";

#[tokio::test]
async fn three_rotations_under_load_cost_no_call() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    let _replicas = two_replicas(&cluster, Mode::Keep).await?;

    let load = Load::start(vec![cluster.admin.clone()], CALLED, PER_SECOND);
    let leaves = cluster.rotations(3).await?;
    let outcome = load.stop();
    report(&format!("3 rotations, {leaves} leaves: {outcome}"));
    assert!(leaves >= 6, "{leaves} leaves");
    assert!(outcome.is_kept(2000), "{outcome}");
    Ok(())
}

/// What the machine itself costs: beside it the figures of the other scenarios can be read.
#[tokio::test]
async fn the_same_load_without_a_rotation() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    let _replicas = two_replicas(&cluster, Mode::KeepSteadily).await?;

    let load = Load::start(vec![cluster.admin.clone()], CALLED, PER_SECOND);
    until("2000 calls are admitted", async || {
        Ok(load.so_far().admitted() > 2000)
    })
    .await?;
    let outcome = load.stop();
    report(&format!("no rotation: {outcome}"));
    assert!(outcome.is_kept(2000), "{outcome}");
    Ok(())
}

#[tokio::test]
async fn an_api_server_that_slept_through_a_rotation_and_a_configuration_that_nobody_manages()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(2, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    let _replicas = two_replicas(&cluster, Mode::Keep).await?;
    cluster.admitted(CALLED, 1).await?;
    let first_root_ends = freeze(&cluster).await?;

    let client = |index| cluster.control_plane.client(index);
    let awake = Load::start(vec![client(0).await?], CALLED, PER_SECOND / 2);
    let sleeper = Load::start(vec![client(1).await?], CALLED, PER_SECOND / 4);
    let frozen = Load::start(vec![client(0).await?], "frozen", PER_SECOND / 4);
    cluster.control_plane.pause(1)?;
    cluster.rotations(1).await?;
    cluster.control_plane.resume(1)?;
    cluster.rotations(1).await?;
    let left = first_root_ends.saturating_since(local_time());
    tokio::time::sleep(left.saturating_sub(Duration::from_secs(1))).await;

    let frozen = frozen.stop();
    report(&format!("frozen at generation 1: {frozen}"));
    let (awake, sleeper) = (awake.stop(), sleeper.stop());
    report(&format!("awake: {awake}\nslept for a rotation: {sleeper}"));
    assert!(cluster.active_generation().await? >= 3);
    for (outcome, least) in [(awake, 1000), (sleeper, 400), (frozen, 500)] {
        assert!(outcome.is_kept(least), "{outcome}");
    }
    Ok(())
}

#[tokio::test]
async fn a_controller_killed_again_and_again() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    // Without a Lease every life of the controller works at once, and so dies in the middle of something.
    let flags = ["--validating", TARGET, "--leader-election=false"];
    let mut controller = cluster.run_fast("controller-0", &flags)?;
    let _replicas = two_replicas(&cluster, Mode::ServeOnly).await?;
    controller.says("bundle written").await?;
    cluster.admitted(CALLED, 0).await?;

    let load = Load::start(vec![cluster.admin.clone()], CALLED, PER_SECOND);
    let seed = SystemEntropy::new().serial()?.tail();
    let seed = u64::from(u32::from_be_bytes(seed));
    let (mut chance, mut lives) = (seed, 1_u64);
    let until = cluster.active_generation().await? + 3;
    while cluster.active_generation().await? < until {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        tokio::time::sleep(Duration::from_millis(100 + (chance >> 33) % 900)).await;
        drop(controller);
        controller = cluster.run_fast(&format!("controller-{lives}"), &flags)?;
        lives += 1;
        assert!(lives < 300, "no rotation is completed; seed {seed}");
    }
    let outcome = load.stop();
    report(&format!(
        "3 rotations in {lives} lives, seed {seed}: {outcome}"
    ));
    assert!(outcome.is_kept(1000), "seed {seed}: {outcome}");
    Ok(())
}

/// Starts two replicas and waits until calls are admitted.
async fn two_replicas(
    cluster: &Installation,
    mode: Mode,
) -> Result<[scenarios::Program; 2], Failure> {
    let mut replicas = [cluster.replica(0, mode)?, cluster.replica(1, mode)?];
    for replica in &mut replicas {
        replica.says("ready").await?;
    }
    if mode != Mode::ServeOnly {
        cluster.admitted(CALLED, 0).await?;
    }
    Ok(replicas)
}

/// Makes a configuration that holds today's bundle and that nobody keeps; returns when the oldest root in it ends.
async fn freeze(cluster: &Installation) -> Result<UnixTime, Failure> {
    let bundle = cluster.bundle(KIND, TARGET).await?;
    let anchors = parse_bundle(bundle.as_bytes()).anchors;
    let ends = anchors
        .iter()
        .map(|anchor| anchor.certificate().facts().not_after)
        .min()
        .ok_or("an empty bundle")?;
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "frozen"}});
    apply(&cluster.admin, &namespace.to_string()).await?;
    let mut frozen = cluster.configuration(KIND, "frozen.example.com", "frozen");
    let config = frozen
        .pointer_mut("/webhooks/0/clientConfig")
        .ok_or("no entry")?;
    config["caBundle"] = STANDARD.encode(bundle).into();
    apply(&cluster.admin, &frozen.to_string()).await?;
    Ok(ends)
}
