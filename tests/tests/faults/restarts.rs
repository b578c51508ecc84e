//! The control plane loses etcd or an API server in the middle of a rotation.

use std::time::Duration;

use scenarios::{Failure, Load, Outcome, PREMADE, until};
use tokio::time::sleep;

use crate::{ALONE, Stage, report, signs};

/// How long it is away: less than a leaf's reserve.
const AWAY: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug)]
enum Part {
    Etcd,
    ApiServer,
}

/// Callers lose the same API server: what that costs when no certificate changes is the measure.
#[tokio::test]
async fn etcd_and_the_api_server_killed_in_the_middle_of_rotations_cost_no_call_for_a_certificate()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let at_rest = costs_at_rest().await?;
    let (mut stage, controller) = Stage::new(PREMADE).await?;
    for (part, control) in &at_rest {
        let generation = stage.cluster.active_generation().await? + 1;
        let load = stage.load();
        middle_of_a_rotation(&stage).await?;
        away(&mut stage, *part).await?;
        signs(&stage.cluster, generation).await?;
        stage.judge_beside(&format!("{part:?} killed and restarted"), load, control);
    }
    drop(controller);
    Ok(())
}

/// The same with the certificates left alone.
async fn costs_at_rest() -> Result<Vec<(Part, Outcome)>, Failure> {
    let (mut stage, controller) = Stage::at_rest(PREMADE).await?;
    let mut costs = Vec::new();
    for part in [Part::Etcd, Part::ApiServer] {
        let load = stage.load();
        away(&mut stage, part).await?;
        served_again(&load).await?;
        let what = format!("{part:?} killed and restarted at rest");
        costs.push((part, stage.told(&what, load)));
    }
    drop(controller);
    Ok(costs)
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
    until("a successor is made", async || {
        let successor = stage.cluster.active_generation().await? + 1;
        let entry = format!("gen-{successor}.crt");
        Ok(stage.cluster.entry("guard-ca", &entry).await.is_ok())
    })
    .await
}

/// Waits for a thousand calls more that were admitted.
async fn served_again(load: &Load) -> Result<(), Failure> {
    let enough = load.so_far().admitted() + 1000;
    until("a thousand calls are admitted", async || {
        Ok(load.so_far().admitted() >= enough)
    })
    .await
}
