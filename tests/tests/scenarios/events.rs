//! What whoever is on call finds in the cluster's Events.

use std::time::Duration;

use k8s_openapi::api::{events::v1::Event, rbac::v1::Role};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use scenarios::{Failure, Installation, PREMADE, Program, TARGET, apply};
use serde_json::json;

use crate::{ALONE, interference::write_bundle, report};

const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_rotation_a_repair_and_a_foreign_certificate_are_told_without_a_secret()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let mut controller = cluster.run_fast("controller", &["--validating", TARGET])?;
    controller.says("bundle written").await?;
    let mut keys = keys(&cluster).await?;
    told(&cluster, "GenerationPromoted", "signs now").await?;
    keys.extend(self::keys(&cluster).await?);
    let foreign = include_str!("../../../webhook-inject/examples/root.pem");
    write_bundle(&cluster, "vandal", foreign).await?;

    let repaired = told(&cluster, "BundleRepaired", "vandal").await?;
    let kept = told(&cluster, "ForeignCertificate", "ends 2126-10-31").await?;
    for event in [&repaired, &kept] {
        let regarding = event.regarding.clone().unwrap_or_default();
        let related = event.related.clone().unwrap_or_default();
        assert_eq!(event.type_.as_deref(), Some("Warning"), "{event:?}");
        assert_eq!(
            (regarding.name.as_deref(), related.name.as_deref()),
            (Some("guard-ca"), Some(TARGET)),
        );
        assert!(
            regarding.uid.is_some(),
            "kubectl describe would not find {event:?}"
        );
    }
    for reason in [
        "AuthorityCreated",
        "CertificateIssued",
        "BundleWritten",
        "SuccessorCreated",
    ] {
        told(&cluster, reason, "").await?;
    }
    let events = events(&cluster).await?;
    let text = serde_json::to_string(&events)?;
    assert!(!text.contains("PRIVATE KEY"), "{text}");
    for part in &keys {
        assert!(
            !text.contains(part.as_str()),
            "a part of a key is in an Event"
        );
    }
    let log = controller.log()?;
    for event in &events {
        let note = event.note.clone().unwrap_or_default();
        assert!(log.contains(&note), "not in the words of the log: {note}");
    }
    report(&format!(
        "{} Events, none with any of {} parts of keys",
        events.len(),
        keys.len()
    ));
    Ok(())
}

#[tokio::test]
async fn without_the_right_to_write_events_all_goes_on_and_the_log_says_so_once()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let roles: Api<Role> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let role = roles.get("guard-webhook-certs").await?;
    let rules = role.rules.unwrap_or_default().into_iter();
    let rest: Vec<_> = rules
        .filter(|rule| rule.resources != Some(vec!["events".to_owned()]))
        .collect();
    let patch = Patch::Merge(json!({ "rules": rest }));
    roles
        .patch("guard-webhook-certs", &PatchParams::default(), &patch)
        .await?;

    let mut controller = cluster.run_fast("controller", &["--validating", TARGET])?;
    controller.says("bundle written").await?;
    cluster.rotations(2).await?;
    let log = controller.says("no Events are written").await?;
    assert!(
        log.contains("grant create on events.events.k8s.io in namespace guard-system"),
        "{log}"
    );
    assert_eq!(log.matches("events.k8s.io").count(), 1, "{log}");
    assert!(!log.contains("ERROR"), "{log}");
    assert!(events(&cluster).await?.is_empty());
    controller.terminate()?;
    assert!(controller.end().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_missing_permission_is_told_with_what_to_grant() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let flags = ["--validating", TARGET, "--validating=other.example.com"];
    let _controller: Program = cluster.run("controller", &flags)?;
    let event = told(&cluster, "PermissionMissing", "grant").await?;
    let note = event.note.unwrap_or_default();
    assert!(note.contains("other.example.com"), "{note}");
    Ok(())
}

#[tokio::test]
async fn a_target_that_stays_without_a_bundle_is_one_warning() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let entry = format!("{TARGET}/nope");
    let flags = [
        "--validating",
        &entry,
        "--crd=etcds.db.example.com",
        "--provider=guard",
    ];
    let mut replicas = [cluster.run("one", &flags)?, cluster.run("two", &flags)?];
    let reasons = [
        (TARGET, "is not injected: it has no entry named nope"),
        ("etcds.db.example.com", "is not injected: it does not exist"),
        (
            "guard",
            "is not injected: the cluster does not have this kind of object",
        ),
    ];
    for (name, words) in reasons {
        let event = told(&cluster, "TargetNotInjected", words).await?;
        let related = event.related.clone().unwrap_or_default();
        assert_eq!(event.type_.as_deref(), Some("Warning"), "{event:?}");
        assert_eq!(related.name.as_deref(), Some(name), "{event:?}");
    }
    // What comes later is injected, and nothing is told again.
    apply(&cluster.admin, &cluster.crd().to_string()).await?;
    told(&cluster, "BundleWritten", "etcds.db.example.com").await?;
    let mut events = events(&cluster).await?;
    events.retain(|event| event.reason.as_deref() == Some("TargetNotInjected"));
    assert_eq!(events.len(), reasons.len(), "{events:?}");
    for replica in &mut replicas {
        replica.terminate()?;
        assert!(replica.end().await?.success());
    }
    Ok(())
}

/// Waits for an Event of this reason that says this.
pub(crate) async fn told(
    cluster: &Installation,
    reason: &str,
    words: &str,
) -> Result<Event, Failure> {
    let is_it = |event: &Event| {
        event.reason.as_deref() == Some(reason)
            && event.note.as_ref().is_some_and(|note| note.contains(words))
    };
    let looking = async {
        loop {
            if let Some(event) = events(cluster).await?.into_iter().find(is_it) {
                return Ok(event);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    match tokio::time::timeout(LIMIT, looking).await {
        Ok(found) => found,
        Err(_) => Err(format!("no Event {reason} says {words}").into()),
    }
}

/// Ours, oldest first.
pub(crate) async fn events(cluster: &Installation) -> Result<Vec<Event>, Failure> {
    let api: Api<Event> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let mut events = api.list(&ListParams::default()).await?.items;
    events.retain(|event| event.reporting_controller.as_deref() == Some("webhook-certs"));
    events.sort_by(|one, other| one.event_time.cmp(&other.event_time));
    Ok(events)
}

/// The parts of the keys that stand in the Secrets now.
async fn keys(cluster: &Installation) -> Result<Vec<String>, Failure> {
    let mut parts = Vec::new();
    let active = cluster.active_generation().await?;
    let key = format!("gen-{active}.key");
    for (secret, entry) in [("guard-ca", key.as_str()), ("guard-tls", "tls.key")] {
        let pem = String::from_utf8(cluster.entry(secret, entry).await?)?;
        let lines = pem.lines().filter(|line| !line.starts_with("---"));
        // The first line says what kind of key it is; the secret begins in it.
        parts.extend(lines.map(|line| line.chars().skip(line.len() / 2).collect::<String>()));
    }
    parts.retain(|part| part.len() >= 8);
    Ok(parts)
}
