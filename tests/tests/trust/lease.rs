//! An attacker who may patch the Lease, and nothing else; and what the keeper reads of Events.

use std::time::Duration;

use kube::api::Patch;
use rotator_core::Durations;
use scenarios::{
    AuditEvent, CALLED, CREATING, FAST, Failure, Installation, Load, Mode, TARGET, flags, until,
};
use serde_json::json;

use crate::{
    ALONE, LEAST, PER_SECOND, Stage,
    attacker::{Attacker, LEASE, VALIDATING},
};

/// Of a Lease that is never given back, in seconds: 68 years.
const FOR_EVER: i32 = i32::MAX;

/// What is broken is mended within half a minute, what is late at once; only routine work waits, and that for five minutes.
#[tokio::test]
async fn an_attacker_who_holds_the_lease_for_ever_costs_no_call() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    if !scenarios::is_whole("the Lease held for ever") {
        return Ok(());
    }
    let cluster = Installation::new(1, CREATING).await?;
    cluster.validating().await?;
    let service = cluster.balance(1).await?;
    let mut all = flags(&Durations {
        leaf_lifetime: Duration::from_secs(20),
        leaf_renew_before: Duration::from_secs(12),
        ..FAST
    });
    all.extend(["--validating", TARGET].map(str::to_owned));
    let mut keeper = cluster.run("keeper", &all)?;
    keeper.says("bundle written").await?;
    let mut replica = cluster.replica(0, Mode::ServeOnly)?;
    replica.says("ready").await?;
    cluster.admitted(CALLED, 0).await?;

    let attacker = Attacker::of(&cluster, LEASE).await?;
    let holds = Patch::Merge(json!({ "spec": {
        "holderIdentity": "mallory",
        "leaseDurationSeconds": FOR_EVER,
        "renewTime": "9999-12-31T23:59:59.000000Z",
    } }));
    attacker.writes(&holds).await?;
    keeper.says("standing by").await?;
    let load = Load::start(vec![cluster.admin.clone()], CALLED, PER_SECOND);
    // By the replica that stands by, when time runs out.
    cluster.rotations(1).await?;
    let outcome = load.stop();
    assert!(outcome.is_kept(LEAST), "{outcome}\n{}", keeper.log()?);

    let stage = Stage {
        cluster,
        keeper,
        _replica: replica,
        service: Some(service),
    };
    stage.puts(&VALIDATING, "").await?;
    until("what is broken is mended", async || {
        Ok(!stage.bundle(&VALIDATING).await?.0.is_empty())
    })
    .await?;

    attacker.loses_it().await?;
    until("the Lease is respected no longer", async || {
        Ok(stage.keeper.log()?.matches("taking the lead").count() > 1)
    })
    .await?;
    reads_no_events(&stage.cluster)
}

/// Nothing that is written in an Event is read.
fn reads_no_events(cluster: &Installation) -> Result<(), Failure> {
    let asked = cluster.control_plane.audit(0)?;
    let of_events = asked
        .iter()
        .filter(|event| event.resource == "events" && event.user.ends_with(":guard"));
    assert!(of_events.clone().count() > 0);
    assert!(of_events.clone().all(AuditEvent::is_write));
    Ok(())
}
