//! Pods that mount the serving Secret are told to look at it at once.

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Api;
use scenarios::{Failure, Installation, PREMADE, TARGET, apply, deployed, until};
use serde_json::json;

use crate::{ALONE, report};

const ANNOTATION: &str = "webhook-certs/touched-for";

#[tokio::test]
async fn pods_that_mount_a_changed_secret_are_touched_and_no_others() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    for (name, label, secret) in [
        ("guard-0", "guard", "guard-tls"),
        ("guard-1", "guard", "other"),
        ("else-0", "else", "guard-tls"),
    ] {
        apply(&cluster.admin, &pod(name, label, secret)).await?;
    }
    let flags = [
        "--validating",
        TARGET,
        "--nudge-pods=app=guard",
        "--leader-election=false",
    ];
    let mut without_rights = cluster.run_fast("without-rights", &flags)?;
    without_rights.says("grant list on pods").await?;
    without_rights.says("bundle written").await?;
    drop(without_rights);
    let rules = deployed("rbac-nudge.yaml")?;
    apply(&cluster.admin, &rules.replace(", \"patch\"", "")).await?;
    let mut without_patch = cluster.run_fast("without-patch", &flags)?;
    without_patch.says("grant patch on pods").await?;
    drop(without_patch);
    apply(&cluster.admin, &rules).await?;

    let mut controller = cluster.run_fast("controller", &flags)?;
    controller.says("pods told to look").await?;
    cluster.rotations(1).await?;
    let pods: Api<Pod> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let mut version = String::new();
    until("the pod is told of the newest revision", async || {
        let secret = secrets.get("guard-tls").await?.metadata;
        version = secret.resource_version.unwrap_or_default();
        Ok(touched_for(&pods, "guard-0").await? == Some(format!("guard-tls={version}")))
    })
    .await?;
    for other in ["guard-1", "else-0"] {
        assert_eq!(touched_for(&pods, other).await?, None, "{other}");
    }
    report(&format!("touched for revision {version} of the Secret"));
    Ok(())
}

async fn touched_for(pods: &Api<Pod>, name: &str) -> Result<Option<String>, Failure> {
    let annotations = pods.get(name).await?.metadata.annotations;
    Ok(annotations.and_then(|annotations| annotations.get(ANNOTATION).cloned()))
}

fn pod(name: &str, label: &str, secret: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": "guard-system", "labels": { "app": label } },
        "spec": {
            "containers": [{ "name": "server", "image": "none", "volumeMounts": [{ "name": "tls", "mountPath": "/tls" }] }],
            "volumes": [{ "name": "tls", "secret": { "secretName": secret } }],
        },
    })
    .to_string()
}
