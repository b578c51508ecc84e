//! The two Secrets are deleted, garbled, and restored from a backup that is a rotation old.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use scenarios::{CREATING, Failure, is_whole, until};
use serde_json::json;
use tokio::time::sleep;

use crate::{ALONE, LOOK_AGAIN, Stage, report};

const CA: &str = "guard-ca";
const UNREADABLE: &str = "is not a record that this program can read";
const TLS: &str = "guard-tls";

/// Many times as long as a watch takes.
const SEEN_BY_ALL: Duration = Duration::from_secs(5);

type Data = BTreeMap<String, ByteString>;

#[tokio::test]
async fn a_garbled_authority_is_not_touched_and_once_restored_it_goes_on() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (stage, mut controller) = Stage::new(CREATING).await?;
    let load = stage.load();
    let garbage = [("state", "{"), ("gen-1.crt", "garbage"), ("format", "99")];
    for (before, (entry, content)) in garbage.into_iter().enumerate() {
        let good = data(&stage, CA).await?;
        let mut garbled = good.clone();
        garbled.insert(entry.into(), ByteString(content.into()));
        put(&stage, CA, &garbled).await?;
        let log = controller.says_times(UNREADABLE, before + 1).await?;
        // A new leaf may have been on its way; of the authority nothing is written.
        sleep(LOOK_AGAIN * 40).await;
        assert_eq!(data(&stage, CA).await?, garbled);
        let line = log.lines().rfind(|line| line.contains(UNREADABLE));
        report(&format!(
            "{entry} garbled: {}",
            line.unwrap_or("nothing said")
        ));
        assert!(line.is_some_and(|line| line.contains("restore")), "{log}");
        put(&stage, CA, &good).await?;
    }
    stage.cluster.rotations(1).await?;
    stage.judge("the authority garbled and restored", load);
    Ok(())
}

/// Without the authority nobody can make the serving record anew: it waits, and what is served stays.
#[tokio::test]
async fn both_records_garbled_at_once_are_not_touched_and_once_the_authority_is_restored_it_goes_on()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (mut stage, mut controller) = Stage::new(CREATING).await?;
    let load = stage.load();
    let good = data(&stage, CA).await?;
    let (mut authority, mut serving) = (good.clone(), data(&stage, TLS).await?);
    authority.insert("state".into(), ByteString("{".into()));
    serving.insert("tls.crt".into(), ByteString("garbage".into()));
    put(&stage, CA, &authority).await?;
    let log = controller.says(UNREADABLE).await?;
    put(&stage, TLS, &serving).await?;
    for replica in &mut stage.replicas {
        replica.says("keeping what is served").await?;
    }
    let line = log.lines().rfind(|line| line.contains(UNREADABLE));
    assert!(line.is_some_and(|line| line.contains("restore")), "{log}");
    // Of neither anything is written.
    sleep(LOOK_AGAIN * 40).await;
    assert_eq!(data(&stage, CA).await?, authority);
    assert_eq!(data(&stage, TLS).await?, serving);
    put(&stage, CA, &good).await?;
    stage.cluster.rotations(1).await?;
    let anew = data(&stage, TLS).await?;
    assert_ne!(anew.get("tls.crt"), serving.get("tls.crt"));
    stage.judge("both records garbled, the authority restored", load);
    Ok(())
}

#[tokio::test]
async fn a_record_that_was_deleted_or_garbled_is_made_anew_and_costs_no_call() -> Result<(), Failure>
{
    let _alone = ALONE.lock().await;
    let (stage, controller) = Stage::new(CREATING).await?;
    let load = stage.load();
    delete(&stage, TLS).await?;
    made_anew(&stage, TLS).await?;
    stage.cluster.rotations(1).await?;
    stage.judge("the serving record deleted", load);

    let load = stage.load();
    let mut garbled = data(&stage, TLS).await?;
    garbled.insert("tls.crt".into(), ByteString("garbage".into()));
    put(&stage, TLS, &garbled).await?;
    stage.cluster.rotations(1).await?;
    stage.judge("the serving record garbled", load);

    let load = stage.load();
    let lost = stage.cluster.active_generation().await?;
    delete(&stage, CA).await?;
    until("the first generation of a new authority", async || {
        Ok(stage.cluster.active_generation().await.unwrap_or(lost) == 1)
    })
    .await?;
    stage.cluster.rotations(1).await?;
    stage.judge("the authority deleted", load);
    drop(controller);
    Ok(())
}

#[tokio::test]
async fn records_that_go_back_to_an_old_backup_cost_no_call() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (stage, controller) = Stage::new(CREATING).await?;
    // Both at once is the sample: the authority alone leaves a leaf in place that is then somebody else's.
    let all = [&[CA, TLS][..], &[CA]];
    let restored = if is_whole("the authority alone restored") {
        &all[..]
    } else {
        &all[..1]
    };
    for names in restored.iter().copied() {
        let mut backup = Vec::new();
        for name in names {
            backup.push((*name, data(&stage, name).await?));
        }
        let then = stage.cluster.active_generation().await?;
        let load = stage.load();
        stage.cluster.rotations(1).await?;
        for (name, data) in &backup {
            put(&stage, name, data).await?;
        }
        assert_eq!(stage.cluster.active_generation().await?, then);
        stage.cluster.rotations(1).await?;
        stage.judge(&format!("{names:?} restored from a backup"), load);
    }
    drop(controller);
    Ok(())
}

/// The new root must be published before its leaf is served, and nobody is left to say for how long: this may cost calls, as
/// many as arrive until each API server has seen the new bundle. Then none.
#[tokio::test]
async fn both_records_deleted_at_once_cost_calls_only_until_the_new_bundle_is_seen()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    if !is_whole("both records deleted at once") {
        return Ok(());
    }
    let (stage, controller) = Stage::new(CREATING).await?;
    let load = stage.load();
    delete(&stage, CA).await?;
    delete(&stage, TLS).await?;
    made_anew(&stage, TLS).await?;
    sleep(SEEN_BY_ALL).await;
    let outcome = load.stop();
    report(&format!("both records deleted at once: {outcome}"));
    assert!(outcome.refused() < outcome.calls / 2, "{outcome}");

    let load = stage.load();
    stage.cluster.rotations(1).await?;
    stage.judge("after both records were deleted", load);
    drop(controller);
    Ok(())
}

fn secrets(stage: &Stage) -> Api<Secret> {
    Api::namespaced(stage.cluster.admin.clone(), "guard-system")
}

async fn data(stage: &Stage, name: &str) -> Result<Data, Failure> {
    Ok(secrets(stage).get(name).await?.data.unwrap_or_default())
}

async fn put(stage: &Stage, name: &str, data: &Data) -> Result<(), Failure> {
    let patch: json_patch::Patch =
        serde_json::from_value(json!([{ "op": "replace", "path": "/data", "value": data }]))?;
    let patch = Patch::Json::<()>(patch);
    secrets(stage)
        .patch(name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

/// Waits until it is there.
async fn made_anew(stage: &Stage, name: &str) -> Result<(), Failure> {
    until(name, async || Ok(secrets(stage).get(name).await.is_ok())).await
}

async fn delete(stage: &Stage, name: &str) -> Result<(), Failure> {
    secrets(stage)
        .delete(name, &DeleteParams::default())
        .await?;
    Ok(())
}
