//! Nothing exists; one command later calls are admitted.

use scenarios::{CALLED, CREATING, Failure, Installation, Mode, PREMADE, TARGET};
use tokio::time::Instant;

use crate::{ALONE, report};

#[tokio::test]
async fn nothing_exists_and_then_calls_are_admitted() -> Result<(), Failure> {
    first_call(CREATING).await
}

#[tokio::test]
async fn without_the_right_to_create_premade_objects_are_filled() -> Result<(), Failure> {
    first_call(PREMADE).await
}

async fn first_call(manifests: &[&str]) -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, manifests).await?;
    let _service = cluster.balance(1).await?;
    cluster.validating().await?;
    let started = Instant::now();
    let mut controller = cluster.run_fast("controller", &["--validating", TARGET])?;
    let mut replica = cluster.replica(0, Mode::ServeOnly)?;
    replica.says("ready").await?;
    cluster.admitted(CALLED, 0).await?;
    report(&format!(
        "from nothing to the first admitted call: {:?}",
        started.elapsed()
    ));
    controller.says("bundle written").await?;
    controller.terminate()?;
    assert!(controller.end().await?.success());
    Ok(())
}
