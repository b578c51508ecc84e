//! The controller is killed before and after each write of a rotation.

use scenarios::{Failure, Moment, PREMADE, Program, is_whole};

use crate::{ALONE, Stage, report};

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// Each life dies at its first write: before it, and the next one after it. So each write of the rotation is met in turn.
#[tokio::test]
async fn a_rotation_whose_every_write_kills_the_controller_before_and_after_it_is_completed()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (mut stage, controller) = Stage::new(PREMADE).await?;
    drop(controller);
    let load = stage.load();
    let until = stage.cluster.active_generation().await? + 2;
    let mut points = Vec::new();
    while stage.cluster.active_generation().await? < until {
        for moment in MOMENTS {
            let caught = stage.proxy.catch(1, moment);
            let mut controller = stage.controller()?;
            let write = tokio::select! {
                caught = caught => caught?.write,
                silent = silent(&mut controller) => return Err(silent),
            };
            drop(controller);
            points.push(format!("{moment:?} {write}"));
        }
        assert!(points.len() < 200, "no rotation is completed: {points:#?}");
    }
    report(&format!("killed {} times: {points:?}", points.len()));
    stage.judge("2 rotations, killed at every write", load);
    assert!(points.len() >= 12, "{points:#?}");
    Ok(())
}

/// Why no write came, when that is certain: the program has ended, or said nothing more for two minutes.
async fn silent(controller: &mut Program) -> Failure {
    match controller.end().await {
        Ok(status) => format!("{} ended with {status} before its write", controller.name()).into(),
        Err(error) => error.into(),
    }
}

/// A life that begins with a rotation dies at its `n`-th write, for every `n` of the rotation, and the next one completes it.
#[tokio::test]
async fn a_rotation_is_completed_whichever_write_killed_the_controller() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    if !is_whole("each write of a rotation in a life of its own") {
        return Ok(());
    }
    let (mut stage, controller) = Stage::new(PREMADE).await?;
    stage.cluster.rotations(1).await?;
    drop(controller);
    let load = stage.load();
    let mut points = 0_u64;
    'writes: for n in 1.. {
        for moment in MOMENTS {
            let caught = stage.proxy.catch(n, moment);
            let first = stage.controller()?;
            let write = tokio::select! {
                caught = caught => caught?.write,
                rotated = stage.cluster.rotations(1) => {
                    rotated?;
                    break 'writes;
                }
            };
            drop(first);
            points += 1;
            report(&format!(
                "killed {moment:?} write {n} of a rotation: {write}"
            ));
            let second = stage.controller()?;
            stage.cluster.rotations(1).await?;
            drop(second);
        }
    }
    report(&format!(
        "{points} crash points, each in a rotation of its own"
    ));
    stage.judge("killed once in each rotation", load);
    assert!(points >= 8, "{points} points");
    Ok(())
}
