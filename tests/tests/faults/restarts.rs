//! The control plane loses etcd or an API server in the middle of a rotation.

use std::time::Duration;

use scenarios::{Failure, Outcome, PREMADE};
use tokio::time::sleep;

use crate::{ALONE, LOOK_AGAIN, Stage, all_is_asked_for, report};

/// How long it is away: less than a leaf's reserve.
const AWAY: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug)]
enum Part {
    Etcd,
    ApiServer,
}

#[tokio::test]
async fn etcd_and_the_api_server_killed_in_the_middle_of_rotations_cost_no_call_for_a_certificate()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (mut stage, controller) = Stage::new(PREMADE).await?;
    for part in [Part::Etcd, Part::ApiServer] {
        let until = stage.cluster.active_generation().await? + 1;
        let load = stage.load();
        middle_of_a_rotation(&stage).await?;
        away(&mut stage, part).await?;
        while stage.cluster.active_generation().await.unwrap_or_default() < until {
            sleep(LOOK_AGAIN).await;
        }
        stage.judge(&format!("{part:?} killed and restarted"), load);
    }
    drop(controller);
    Ok(())
}

/// What the same costs when no certificate changes: beside it the figures above can be read.
#[tokio::test]
async fn the_same_without_a_rotation() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    if !all_is_asked_for() {
        report("restarts at rest: only with FAULTS_ALL=1");
        return Ok(());
    }
    let (mut stage, controller) = Stage::at_rest(PREMADE).await?;
    for part in [Part::Etcd, Part::ApiServer] {
        let load = stage.load();
        away(&mut stage, part).await?;
        served_again(&load.so_far(), || load.so_far()).await;
        stage.judge(&format!("{part:?} restarted at rest"), load);
    }
    drop(controller);
    Ok(())
}

/// Kills it, and starts it again a little later.
async fn away(stage: &mut Stage, part: Part) -> Result<(), Failure> {
    let control_plane = &mut stage.cluster.control_plane;
    match part {
        Part::Etcd => {
            control_plane.kill_etcd()?;
            sleep(AWAY).await;
            control_plane.start_etcd()?;
        }
        Part::ApiServer => {
            control_plane.kill_apiserver(0)?;
            sleep(AWAY).await;
            control_plane.start_apiserver(0).await?;
        }
    }
    report(&format!("{part:?} is back"));
    Ok(())
}

/// Waits until a successor waits for its dwell to end.
async fn middle_of_a_rotation(stage: &Stage) -> Result<(), Failure> {
    loop {
        let successor = stage.cluster.active_generation().await? + 1;
        let entry = format!("gen-{successor}.crt");
        if stage.cluster.entry("guard-ca", &entry).await.is_ok() {
            return Ok(());
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Waits for a thousand calls more that were admitted.
async fn served_again(before: &Outcome, now: impl Fn() -> Outcome) {
    while now().admitted() < before.admitted() + 1000 {
        sleep(LOOK_AGAIN).await;
    }
}
