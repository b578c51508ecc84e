//! One-off runs wait for what is still missing, and say in the end what was not done and why.

use std::{fs, path::Path};

use kube::{
    Api,
    api::{ApiResource, DynamicObject},
    core::GroupVersionKind,
};
use scenarios::{
    APISERVICE, CRD, CREATING, Failure, Installation, PREMADE, Program, TARGET, apply, deployed,
    until,
};
use serde_json::{Value, json};

use crate::{ALONE, check_words};

const GAVE_UP: Option<i32> = Some(124);

/// Starts `webhook-certs run` as an administrator: the rights of `deploy/` are for a few objects by name.
fn run_as_admin(
    cluster: &Installation,
    name: &str,
    flags: &[&str],
    variables: &[(&str, &str)],
) -> Result<Program, Failure> {
    let kubeconfig = cluster.folder().join("admin");
    cluster.control_plane.admin_kubeconfig(&kubeconfig)?;
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let words = [
        "webhook-certs",
        "run",
        "--namespace=guard-system",
        "--service=guard",
        &kubeconfig,
    ];
    let words = [&words[..], flags].concat();
    Ok(Program::start_with(
        name,
        &words,
        variables,
        cluster.folder(),
    )?)
}

/// Targets of every kind, none of which can be injected.
async fn make_unusable_targets(cluster: &Installation) -> Result<(), Failure> {
    let validating = cluster.configuration("ValidatingWebhookConfiguration", TARGET, "nowhere");
    let mut mutating = cluster.configuration("MutatingWebhookConfiguration", TARGET, "nowhere");
    mutating["webhooks"][0]["clientConfig"]["service"]["name"] = json!("other");
    let mut crd = cluster.crd();
    crd["spec"]["conversion"] = json!({ "strategy": "None" });
    let mut apiservice = cluster.apiservice();
    apiservice["spec"]["insecureSkipTLSVerify"] = json!(true);
    for object in [validating, mutating, crd, apiservice] {
        apply(&cluster.admin, &object.to_string()).await?;
    }
    Ok(())
}

const UNUSABLE: &[(&str, &str)] = &[
    (
        "ValidatingWebhookConfiguration/no-such.example.com",
        "it does not exist",
    ),
    (
        "ValidatingWebhookConfiguration/guard.example.com",
        "it has no entry named nope",
    ),
    (
        "MutatingWebhookConfiguration/guard.example.com",
        "it calls Service guard-system/other, not guard-system/guard",
    ),
    (
        "CustomResourceDefinition/etcds.db.example.com",
        "it converts by strategy None, not by a webhook",
    ),
    (
        "APIService/v1.metrics.example.com",
        "insecureSkipTLSVerify is set",
    ),
    (
        "Provider/guard",
        "the cluster does not have this kind of object",
    ),
];

#[tokio::test]
async fn a_target_that_is_not_injected_is_named_with_its_reason_and_is_no_success()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, CREATING).await?;
    make_unusable_targets(&cluster).await?;
    // With spaces, as people write lists.
    let variables = [(
        "WEBHOOK_CERTS_VALIDATING",
        "no-such.example.com, guard.example.com/nope",
    )];
    let flags = [
        "--once",
        "--timeout=2s",
        "--mutating",
        TARGET,
        "--crd",
        CRD,
        "--apiservice",
        APISERVICE,
        "--provider=guard",
    ];
    let mut once = run_as_admin(&cluster, "once", &flags, &variables)?;
    let (code, log) = (once.end().await?.code(), once.log()?);
    assert_eq!(code, GAVE_UP, "{log}");
    let (before, end) = log
        .split_once("error: gave up after --timeout 2s")
        .unwrap_or_default();
    for (target, why) in UNUSABLE {
        let sentence = format!("target {target}: not injected: {why}");
        assert!(end.contains(&sentence), "{sentence} not in: {end}");
    }
    assert!(before.contains("waiting for 2 s at most: "), "{before}");
    // What can be done is done, and nothing is promised that this run cannot keep.
    assert!(before.contains("serving certificate issued"), "{before}");
    assert!(!log.contains("when it appears"), "{log}");
    check_words(&log);

    let flags = [&flags[..], &["--allow-missing"]].concat();
    let mut once = run_as_admin(&cluster, "allowing", &flags, &variables)?;
    let (code, log) = (once.end().await?.code(), once.log()?);
    assert_eq!(code, Some(0), "{log}");
    for (target, why) in UNUSABLE {
        let sentence = format!("target {target}: not injected: {why}");
        assert_eq!(log.matches(&sentence).count(), 1, "{sentence} in: {log}");
    }
    assert!(!log.contains("waiting for"), "{log}");
    check_words(&log);
    Ok(())
}

#[tokio::test]
async fn a_target_that_may_not_be_read_is_named_with_what_to_grant() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    // One refusal is not believed yet: an API server that has just started refuses what it permits soon after.
    let flags = ["--once", "--validating=other.example.com", "--timeout=12s"];
    let mut once = cluster.run("once", &flags)?;
    let (code, log) = (once.end().await?.code(), once.log()?);
    let needed = "target ValidatingWebhookConfiguration/other.example.com: not injected: it may not be read: \
                  grant list on validatingwebhookconfigurations.admissionregistration.k8s.io/other.example.com";
    assert_eq!(code, GAVE_UP, "{log}");
    assert!(log.contains(needed), "{log}");
    let flags = [&flags[..], &["--allow-missing"]].concat();
    let mut once = cluster.run("allowing", &flags)?;
    let (code, log) = (once.end().await?.code(), once.log()?);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(needed), "{log}");
    // None at all is allowed, and said once.
    let mut once = cluster.run("none", &["--once"])?;
    let (code, log) = (once.end().await?.code(), once.log()?);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("no target is named").count(), 1, "{log}");
    Ok(())
}

#[tokio::test]
async fn a_run_that_is_earlier_than_its_rights_and_its_target_waits_for_both() -> Result<(), Failure>
{
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, &[]).await?;
    let mut once = cluster.run("once", &["--once", "--validating", TARGET])?;
    once.says("waiting for ").await?;
    let log = once.says_times("waiting for ", 2).await?;
    assert!(log.contains("grant get on secrets/guard-"), "{log}");
    for manifest in PREMADE {
        apply(&cluster.admin, &deployed(manifest)?).await?;
    }
    once.says("serving certificate issued").await?;
    once.says("not injected: it does not exist").await?;
    cluster.validating().await?;
    let (code, log) = (once.end().await?.code(), once.log()?);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("bundle written"), "{log}");
    assert!(
        !log.contains("ERROR") && !log.contains("WARN"),
        "nothing accuses: {log}"
    );
    let bundle = cluster
        .bundle("ValidatingWebhookConfiguration", TARGET)
        .await?;
    assert!(bundle.contains("BEGIN CERTIFICATE"), "{bundle}");
    // None of the first Events is lost.
    for reason in ["AuthorityCreated", "CertificateIssued", "BundleWritten"] {
        until(reason, async || has_event(&cluster, reason).await).await?;
    }
    check_words(&log);
    Ok(())
}

async fn has_event(cluster: &Installation, reason: &str) -> Result<bool, Failure> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("events.k8s.io", "v1", "Event"));
    let api: Api<DynamicObject> =
        Api::namespaced_with(cluster.admin.clone(), "guard-system", &kind);
    let events = api.list(&kube::api::ListParams::default()).await?;
    let is_it = |event: &DynamicObject| event.data.get("reason") == Some(&Value::from(reason));
    Ok(events.iter().any(is_it))
}

fn follow(cluster: &Installation, name: &str, more: &[&str]) -> Result<Program, Failure> {
    let folder = cluster.folder().join("files");
    fs::create_dir_all(&folder)?;
    let write_dir = format!("--write-dir={}", folder.display());
    let kubeconfig = format!("--kubeconfig={}", cluster.server_kubeconfig().display());
    let words = [
        "follow",
        "--once",
        "--namespace=guard-system",
        "--serving-secret=guard-tls",
        &write_dir,
        &kubeconfig,
    ];
    let words = [&words[..], more].concat();
    Ok(Program::start(
        name,
        "webhook-certs",
        &words,
        cluster.folder(),
    )?)
}

fn is_written(folder: &Path) -> bool {
    folder.join("files/tls.crt").is_file()
}

#[tokio::test]
async fn an_init_container_waits_for_its_right_the_secret_and_the_certificate()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, &[]).await?;
    let mut early = follow(&cluster, "early", &[])?;
    let log = early
        .says("grant get on secrets/guard-tls in namespace guard-system")
        .await?;
    assert!(log.contains("waiting for 60 s at most: "), "{log}");
    for manifest in ["rbac.yaml", "rbac-follow.yaml"] {
        apply(&cluster.admin, &deployed(manifest)?).await?;
    }
    early
        .says("Secret guard-system/guard-tls: the record does not exist yet")
        .await?;
    // Empty, made beforehand.
    apply(&cluster.admin, &deployed("premade.yaml")?).await?;
    let mut limited = follow(&cluster, "limited", &["--timeout=1s"])?;
    let (code, log) = (limited.end().await?.code(), limited.log()?);
    assert_eq!(code, GAVE_UP, "{log}");
    assert!(
        log.contains("error: gave up after --timeout 1s: Secret guard-system/guard-tls: "),
        "{log}"
    );
    let mut at_once = follow(&cluster, "at-once", &["--timeout=0"])?;
    assert_eq!(at_once.end().await?.code(), GAVE_UP);
    assert!(!at_once.log()?.contains("waiting for"));
    assert!(!is_written(cluster.folder()));

    let mut keeper = cluster.run("keeper", &["--once"])?;
    assert!(keeper.end().await?.success(), "{}", keeper.log()?);
    let (code, log) = (early.end().await?.code(), early.log()?);
    assert_eq!(code, Some(0), "{log}");
    assert!(is_written(cluster.folder()), "{log}");
    assert!(!log.contains("WARN"), "nothing accuses: {log}");
    check_words(&log);
    Ok(())
}

#[tokio::test]
async fn a_run_that_waits_ends_when_it_is_told_to() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, &[]).await?;
    let mut once = cluster.run("once", &["--once", "--validating", TARGET])?;
    let mut follow = follow(&cluster, "follow", &[])?;
    for program in [&mut once, &mut follow] {
        program.says("waiting for ").await?;
        program.terminate()?;
        assert_eq!(program.end().await?.code(), Some(1), "{}", program.log()?);
        assert!(program.log()?.contains("error: stopped before"));
    }
    Ok(())
}
