//! CA rotations under load.

use scenarios::{CALLED, Failure, Installation, Load, PREMADE};

use crate::{ALONE, report};

#[tokio::test]
async fn three_rotations_under_load_cost_no_call() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    let (mut one, mut two) = (cluster.replica(0, false)?, cluster.replica(1, false)?);
    one.says("ready").await?;
    two.says("ready").await?;
    cluster.admitted(CALLED, 0).await?;

    let load = Load::start(vec![cluster.admin.clone()], CALLED, 150);
    let leaves = cluster.rotations(3).await?;
    let outcome = load.stop();
    report(&format!("3 rotations, {leaves} leaves: {outcome}"));
    assert!(leaves >= 6, "{leaves} leaves");
    assert_eq!(outcome.refused(), 0, "{outcome}");
    assert!(outcome.calls > 2000, "{outcome}");
    Ok(())
}
