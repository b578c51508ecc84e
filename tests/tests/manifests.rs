//! What `deploy/` installs is what an API server takes, field by field, and its pods are such as `restricted` admits.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "manifests/pod.rs"]
mod pod;
#[path = "manifests/renamed.rs"]
mod renamed;
#[path = "manifests/web.rs"]
mod web;

use std::path::Path;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, PatchParams, PostParams, ValidationDirective},
};
use scenarios::{ControlPlane, Failure, Version, apply_object, kustomize};
use serde_json::{Value, json};

const BASES: [&str; 3] = ["standalone", "sidecar", "etcd-operator"];
const VERSIONS: [Version; 2] = [Version::Oldest, Version::Newest];

/// The path of a base as a kustomization in `folder` may name it: kustomize takes relative paths only.
fn relative(folder: &Path, base: &str) -> Result<String, Failure> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let base = deploy.join(base).canonicalize()?.display().to_string();
    let depth = folder.canonicalize()?.components().count() - 1;
    Ok(format!(
        "{}{}",
        "../".repeat(depth),
        base.trim_start_matches('/')
    ))
}

fn documents(manifest: &str) -> Result<Vec<Value>, Failure> {
    Ok(serde_saphyr::from_multiple(manifest)?)
}

/// What `kubectl apply -k deploy/NAME` applies.
fn base(name: &str) -> Result<Vec<Value>, Failure> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    documents(&kustomize(&deploy.join(name))?)
}

#[tokio::test]
async fn every_manifest_is_taken_strictly_and_twice() -> Result<(), Failure> {
    for (name, version) in BASES
        .iter()
        .flat_map(|name| VERSIONS.map(|version| (name, version)))
    {
        let control_plane = ControlPlane::start_of(version, 1).await?;
        let admin = control_plane.client(0).await?;
        let all = base(name)?;
        assert!(all.len() >= 8, "{name}: {}", all.len());
        // Once more is what a GitOps tool does, again and again.
        for _ in 0..2 {
            for object in &all {
                let stored = apply_strictly(&admin, object).await?;
                assert!(!stored.to_string().contains("caBundle"), "{name}: {stored}");
            }
        }
        for object in all.iter().filter(|object| object["kind"] == "Deployment") {
            pods_are_admitted(&admin, object).await?;
        }
    }
    Ok(())
}

async fn apply_strictly(client: &Client, object: &Value) -> Result<Value, Failure> {
    let object: DynamicObject = serde_json::from_value(object.clone())?;
    let mut params = PatchParams::apply("gitops");
    params.field_validation = Some(ValidationDirective::Strict);
    let stored = apply_object(client, &object, &params).await?;
    let mut stored = serde_json::to_value(stored)?;
    // It names the fields, not what they hold.
    stored["metadata"]["managedFields"] = Value::Null;
    Ok(stored)
}

/// The namespace enforces `restricted`, and refuses what is less.
async fn pods_are_admitted(client: &Client, deployment: &Value) -> Result<(), Failure> {
    let deployment: Deployment = serde_json::from_value(deployment.clone())?;
    let namespace = deployment.namespace().unwrap();
    let spec = deployment.spec.clone().unwrap().template.spec.unwrap();
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut pod = Pod {
        spec: Some(spec),
        ..Pod::default()
    };
    pod.metadata.name = Some(deployment.name_any());
    pods.create(&dry, &pod).await?;

    let mut careless = serde_json::to_value(&pod)?;
    careless["spec"]["containers"][0]["securityContext"] =
        json!({ "allowPrivilegeEscalation": true });
    let refused = pods.create(&dry, &serde_json::from_value(careless)?).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("violates PodSecurity \"restricted"),
        "{refused}"
    );
    for container in pod.spec.iter().flat_map(|spec| &spec.containers) {
        let resources = container.resources.clone().unwrap_or_default();
        assert!(
            resources.requests.is_some() && resources.limits.is_some(),
            "{}",
            container.name
        );
    }
    Ok(())
}

#[test]
fn no_webhook_of_ours_can_hold_up_what_it_needs() -> Result<(), Failure> {
    for name in BASES {
        let all = base(name)?;
        let webhooks = all
            .iter()
            .filter_map(|object| object["webhooks"].as_array());
        let own = if name == "etcd-operator" {
            "etcd-operator-system"
        } else {
            "guard-system"
        };
        for webhook in webhooks.flatten() {
            assert_eq!(webhook["failurePolicy"], "Fail", "{name}");
            let selector = &webhook["namespaceSelector"];
            let excluded = selector["matchExpressions"][0]["values"].to_string();
            let is_chosen = selector["matchLabels"].is_object();
            assert!(
                is_chosen || excluded.contains(own) && excluded.contains("kube-system"),
                "{webhook}"
            );
        }
    }
    Ok(())
}
