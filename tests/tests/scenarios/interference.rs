//! Somebody else writes, deletes and makes anew what is kept.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use scenarios::{CALLED, Failure, Installation, Mode, PREMADE, Program, TARGET};
use serde_json::json;
use tokio::time::Instant;

use crate::{ALONE, report};

const KIND: &str = "ValidatingWebhookConfiguration";
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// A poll would show itself as a repair that takes about as long as its period.
const LIMIT: Duration = Duration::from_secs(20);

const QUIET: Duration = Duration::from_millis(2500);

/// A controller with standard lifetimes, so that nothing is written but repairs.
async fn kept() -> Result<(Installation, Program), Failure> {
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let mut controller = cluster.run("controller", &["--validating", TARGET])?;
    controller.says("bundle written").await?;
    Ok((cluster, controller))
}

#[tokio::test]
async fn an_emptied_garbled_or_reverted_bundle_is_repaired_on_the_watch_event()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (cluster, mut controller) = kept().await?;
    let good = cluster.bundle(KIND, TARGET).await?;
    let old = include_str!("../../../webhook-inject/examples/root.pem");
    for (done, (what, bundle)) in [("emptied", ""), ("garbled", "garbage"), ("reverted", old)]
        .into_iter()
        .enumerate()
    {
        // Not in the second of our last write: then it would wait for the next one.
        tokio::time::sleep(QUIET).await;
        let started = Instant::now();
        write_bundle(&cluster, "vandal", bundle).await?;
        repaired(&cluster, &good).await?;
        report(&format!("{what}: repaired after {:?}", started.elapsed()));
        let log = controller.says_times("bundle written", done + 2).await?;
        let line = log.lines().rfind(|line| line.contains("bundle written"));
        // A writer that removes a field owns nothing of it, so the API server cannot say who it was.
        let writer = if bundle.is_empty() {
            "unknown"
        } else {
            "vandal"
        };
        assert!(line.is_some_and(|line| line.contains(writer)), "{log}");
    }
    // One write for each: the watch told of them, nothing else was tried.
    assert_eq!(our_writes(&cluster)?, 4);
    Ok(())
}

/// As a chart does that is applied again and again with a placeholder.
#[tokio::test]
async fn a_bundle_that_is_made_unusable_again_and_again_is_repaired_each_time()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (cluster, mut controller) = kept().await?;
    let good = cluster.bundle(KIND, TARGET).await?;
    let before = our_writes(&cluster)?;
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(1300)).await;
        write_bundle(&cluster, "vandal", "\n").await?;
        repaired(&cluster, &good).await?;
    }
    let log = controller.says("our bundle was undone").await?;
    assert!(log.contains("by vandal: the next repair waits"), "{log}");
    // A repair that had waited for the truce would have stood for several of these.
    assert_eq!(our_writes(&cluster)? - before, 12);
    Ok(())
}

#[tokio::test]
async fn a_writer_that_undoes_us_all_the_time_is_answered_once_a_second() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (cluster, mut controller) = kept().await?;
    let (before, started) = (our_writes(&cluster)?, Instant::now());
    for _ in 0..100 {
        write_bundle(&cluster, "vandal", "garbage").await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    controller.says("our bundle was undone").await?;
    let (writes, took) = (our_writes(&cluster)? - before, started.elapsed());
    report(&format!(
        "undone 100 times in {took:?}: {writes} writes of ours"
    ));
    // One at once, and one a second.
    let most = usize::try_from(took.as_secs())? + 2;
    assert!((2..=most).contains(&writes), "{writes} in {took:?}");
    Ok(())
}

#[tokio::test]
async fn what_was_deleted_is_made_again() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, scenarios::CREATING).await?;
    let _service = cluster.balance(1).await?;
    cluster.validating().await?;
    let mut controller = cluster.run("controller", &["--validating", TARGET])?;
    let mut replica = cluster.replica(0, Mode::ServeOnly)?;
    replica.says("ready").await?;
    cluster.admitted(CALLED, 0).await?;

    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let started = Instant::now();
    secrets
        .delete("guard-tls", &DeleteParams::default())
        .await?;
    replica.says_times("serving certificate taken", 2).await?;
    report(&format!(
        "Secret deleted: a new certificate is served after {:?}",
        started.elapsed()
    ));

    let configurations = cluster.configurations(KIND);
    configurations
        .delete(TARGET, &DeleteParams::default())
        .await?;
    controller.says("does not exist").await?;
    let written = controller.log()?.matches("bundle written").count();
    let started = Instant::now();
    let object = cluster.configuration(KIND, TARGET, CALLED);
    scenarios::apply(&cluster.admin, &object.to_string()).await?;
    controller.says_times("bundle written", written + 1).await?;
    report(&format!(
        "configuration made anew: injected after {:?}",
        started.elapsed()
    ));
    cluster.admitted(CALLED, 0).await
}

#[tokio::test]
async fn a_chart_owner_adds_and_removes_entries_freely() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (cluster, mut controller) = kept().await?;
    let good = cluster.bundle(KIND, TARGET).await?;
    // Applied server-side by the manager `scenario`, which says nothing of caBundle.
    let chart = |names: &[&str]| {
        let mut object = cluster.configuration(KIND, TARGET, CALLED);
        let entry = object["webhooks"][0].take();
        let entries = names.iter().map(|name| {
            let mut entry = entry.clone();
            entry["name"] = (*name).into();
            entry
        });
        object["webhooks"] = entries.collect();
        object.to_string()
    };
    for (round, names) in [
        &[TARGET, "second.example.com"][..],
        &["third.example.com", TARGET],
        &[TARGET],
        &["second.example.com", "third.example.com", TARGET],
    ]
    .into_iter()
    .enumerate()
    {
        scenarios::apply(&cluster.admin, &chart(names)).await?;
        let limit = tokio::time::timeout(LIMIT, all_hold(&cluster, names, &good)).await;
        limit.map_err(|_| format!("round {round}: not every entry holds the bundle"))??;
    }
    let log = controller.says("bundle written").await?;
    assert!(!log.contains("ERROR"), "{log}");
    Ok(())
}

/// Waits until exactly these entries are there, and all of them hold the bundle.
async fn all_hold(cluster: &Installation, names: &[&str], bundle: &str) -> Result<(), Failure> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let bundle = STANDARD.encode(bundle);
    loop {
        let object = cluster.configurations(KIND).get(TARGET).await?;
        let entries = object.data["webhooks"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let found: Vec<_> = entries
            .iter()
            .filter(|entry| entry["clientConfig"]["caBundle"] == bundle.as_str())
            .filter_map(|entry| entry["name"].as_str())
            .collect();
        if found == names && entries.len() == names.len() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

pub(crate) async fn write_bundle(
    cluster: &Installation,
    manager: &str,
    bundle: &str,
) -> Result<(), Failure> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let path = "/webhooks/0/clientConfig/caBundle";
    let patch: json_patch::Patch = serde_json::from_value(
        json!([{ "op": "add", "path": path, "value": STANDARD.encode(bundle) }]),
    )?;
    let params = PatchParams {
        field_manager: Some(manager.to_owned()),
        ..PatchParams::default()
    };
    let patch = Patch::Json::<()>(patch);
    cluster
        .configurations(KIND)
        .patch(TARGET, &params, &patch)
        .await?;
    Ok(())
}

async fn repaired(cluster: &Installation, good: &str) -> Result<(), Failure> {
    let looking = async {
        // What stands there besides stays until it ends: somebody may still be verified by it.
        let holds = |bundle: String| bundle.contains(good);
        while !cluster.bundle(KIND, TARGET).await.is_ok_and(holds) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let repaired = tokio::time::timeout(LIMIT, looking).await;
    repaired.map_err(|_| "the bundle is not repaired".into())
}

/// How often the controller has written the configuration.
fn our_writes(cluster: &Installation) -> Result<usize, Failure> {
    let writes = cluster.control_plane.audit(0)?;
    Ok(writes
        .iter()
        .filter(|event| event.is_write() && event.user.ends_with(":guard"))
        .filter(|event| event.resource == "validatingwebhookconfigurations")
        .count())
}
