//! What the administrator is told of an attacker.

use k8s_openapi::api::events::v1::Event;
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use scenarios::{Failure, Installation, PREMADE, TARGET};
use serde_json::json;

use crate::{
    ALONE, Broken, Stage,
    attacker::{AUTHORITY, Attacker, NAMESPACE, VALIDATING},
    forgery::{Ca, FOR_EVER},
};

/// Its own field manager name proves nothing about a writer.
#[tokio::test]
async fn a_repair_after_a_writer_with_our_field_manager_is_told_as_one() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let attacker = Attacker::of(&stage.cluster, VALIDATING).await?;
    let ca = Ca::new("planted", FOR_EVER)?;
    let patch = VALIDATING.holding(&ca.pem())?;
    attacker.writes_as("webhook-certs", &patch).await?;
    let told = told(&stage, "BundleRepaired", &[]).await?;
    let told = told.map(|event| event.type_.unwrap_or_default());
    assert_eq!(told.as_deref(), Some("Warning"), "{}", stage.keeper.log()?);
    Ok(())
}

/// Also if nothing needs to be written, and also one that comes soon after another.
#[tokio::test]
async fn each_foreign_certificate_is_told_when_it_first_appears() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let mut broken = Broken::default();
    let attacker = Attacker::of(&stage.cluster, VALIDATING).await?;
    let mut all = stage.bundle(&VALIDATING).await?.0;
    for name in ["first", "second"] {
        let ca = Ca::new(&format!("{name}\nERROR forged\u{202e}"), FOR_EVER)?;
        all += &ca.pem();
        attacker.writes(&VALIDATING.holding(&all)?).await?;
        let fingerprint = ca.fingerprint().to_string();
        let words = [fingerprint.as_str(), name, "9999", "mallory"];
        let event = told(&stage, "ForeignCertificate", &words).await?;
        broken.unless(event.is_some(), format!("the {name} one is not told"));
        let note = event.and_then(|event| event.note).unwrap_or_default();
        let is_safe = |text: char| !text.is_control() && text != '\u{202e}';
        broken.unless(note.chars().all(is_safe), format!("it is told as {note:?}"));
    }
    let log = stage.keeper.log()?;
    broken.unless(
        !log.lines().any(|line| line.starts_with("ERROR forged")),
        format!("a line of the log is forged: {log}"),
    );
    broken.judge();
    Ok(())
}

/// What was planted before an upgrade stands there already.
#[tokio::test]
async fn a_foreign_certificate_that_stands_there_at_the_start_is_told() -> Result<(), Failure> {
    if !scenarios::is_whole("a foreign certificate told at the start") {
        return Ok(());
    }
    let _alone = ALONE.lock().await;
    let mut stage = Stage::new().await?;
    stage.keeper.kill()?;
    let ca = Ca::new("planted", FOR_EVER)?;
    let all = stage.bundle(&VALIDATING).await?.0 + &ca.pem();
    let attacker = Attacker::of(&stage.cluster, VALIDATING).await?;
    attacker.writes(&VALIDATING.holding(&all)?).await?;
    let flags = ["--leader-election=false", "--validating", TARGET];
    let again = stage.cluster.run("again", &flags)?;
    let fingerprint = ca.fingerprint().to_string();
    let words = [fingerprint.as_str(), "planted", "9999", "mallory"];
    let event = told(&stage, "ForeignCertificate", &words).await?;
    let event = event.ok_or_else(|| format!("not told:\n{}", again.log().unwrap_or_default()))?;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    Ok(())
}

/// Made beforehand by another party that has it copied, or deleted with an object of its own.
#[tokio::test]
async fn a_secret_in_which_another_party_has_a_hand_is_told_at_the_start() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let owner = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "1" });
    let metadata = json!({ "metadata": {
        "ownerReferences": [owner],
        "annotations": { "replicator.v1.mittwald.de/replicate-to": "*" },
    } });
    let params = PatchParams::default();
    let secrets = AUTHORITY.api(&cluster.admin);
    let metadata = Patch::Merge(metadata);
    secrets.patch(AUTHORITY.name, &params, &metadata).await?;
    cluster.validating().await?;
    let stage = Stage::kept(cluster, &[]).await?;
    let words = ["Secret guard-ca", "ConfigMap other", "replicate-to"];
    let event = told(&stage, "SecretShared", &words).await?;
    let event = event.ok_or_else(|| stage.keeper.log().unwrap_or_default())?;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    let regarding = event.regarding.and_then(|regarding| regarding.name);
    assert_eq!(regarding.as_deref(), Some(AUTHORITY.name));
    // The other Secret has no such metadata.
    assert!(!stage.keeper.log()?.contains("Secret guard-tls is in"));
    Ok(())
}

/// Waits for an Event of this reason that says all of this.
pub(crate) async fn told(
    stage: &Stage,
    reason: &str,
    words: &[&str],
) -> Result<Option<Event>, Failure> {
    let mut found = None;
    stage
        .soon(async || {
            found = all(stage).await?.into_iter().find(|event| {
                let note = event.note.clone().unwrap_or_default();
                event.reason.as_deref() == Some(reason)
                    && words.iter().all(|word| note.contains(word))
            });
            Ok(found.is_some())
        })
        .await?;
    Ok(found)
}

/// Every Event of the namespace.
pub(crate) async fn all(stage: &Stage) -> Result<Vec<Event>, Failure> {
    let api: Api<Event> = Api::namespaced(stage.cluster.admin.clone(), NAMESPACE);
    Ok(api.list(&ListParams::default()).await?.items)
}
