//! Every kind of target, through a rotation.

use base64::{Engine, engine::general_purpose::STANDARD};
use certgen::parse_bundle;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, PostParams},
    core::GroupVersionKind,
};
use scenarios::{
    APISERVICE, CALLED, CRD, Failure, Installation, Mode, PREMADE, TARGET, apply, provider,
    provider_kind, until,
};
use serde_json::{Value, json};

use crate::{ALONE, report};

#[tokio::test]
async fn all_five_kinds_are_injected_and_called_through_a_rotation() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(1).await?;
    cluster.validating().await?;
    let flags = [
        "--validating",
        TARGET,
        "--mutating",
        TARGET,
        "--crd",
        CRD,
        "--apiservice",
        APISERVICE,
        "--provider",
        "guard",
    ];
    let mut controller = cluster.run_fast("controller", &flags)?;
    let mut replica = cluster.replica(0, Mode::ServeOnly)?;
    replica.says("ready").await?;
    // The kind Provider is not installed yet, and four of the targets are not there: the fifth does not wait for them.
    cluster.admitted(CALLED, 0).await?;

    let mutating = cluster.configuration("MutatingWebhookConfiguration", TARGET, CALLED);
    for object in [
        mutating,
        cluster.crd(),
        cluster.apiservice(),
        provider_kind(),
    ] {
        apply(&cluster.admin, &object.to_string()).await?;
    }
    until("the kind Provider", async || {
        is_applied(&cluster, &provider()).await
    })
    .await?;
    controller.says_times("bundle written", 5).await?;

    for round in 0..2 {
        until("the aggregated API", async || is_aggregated(&cluster).await).await?;
        conversion(&cluster, round).await?;
        cluster.admitted(CALLED, 0).await?;
        until("the bundles", async || all_hold_the_newest(&cluster).await).await?;
        if round == 0 {
            cluster.rotations(1).await?;
        }
    }
    report("five kinds of target through a rotation");
    Ok(())
}

/// Whether the kind of the object is served and it is taken.
async fn is_applied(cluster: &Installation, object: &Value) -> Result<bool, Failure> {
    Ok(apply(&cluster.admin, &object.to_string()).await.is_ok())
}

/// Asks for the aggregated API through the API server.
async fn is_aggregated(cluster: &Installation) -> Result<bool, Failure> {
    let request = http::Request::get("/apis/metrics.example.com/v1").body(Vec::new())?;
    let answer = cluster.admin.request::<Value>(request).await;
    Ok(answer.is_ok_and(|answer| answer["resources"][0]["name"] == "loads"))
}

/// Stores an object in one version and reads it in the other.
async fn conversion(cluster: &Installation, round: usize) -> Result<(), Failure> {
    let etcds = |version: &str| {
        let kind = GroupVersionKind::gvk("db.example.com", version, "Etcd");
        let resource = ApiResource::from_gvk_with_plural(&kind, "etcds");
        Api::<DynamicObject>::namespaced_with(cluster.admin.clone(), "default", &resource)
    };
    let name = format!("etcd-{round}");
    let object = json!({
        "apiVersion": "db.example.com/v1alpha1", "kind": "Etcd", "metadata": { "name": name }, "spec": { "size": 3 },
    });
    let object: DynamicObject = serde_json::from_value(object)?;
    until("a conversion", async || {
        let old = etcds("v1alpha1");
        Ok(old.create(&PostParams::default(), &object).await.is_ok())
    })
    .await?;
    let read = etcds("v1").get(&name).await?;
    assert_eq!(
        read.types.map(|types| types.api_version).as_deref(),
        Some("db.example.com/v1")
    );
    Ok(())
}

/// Whether every target holds the same certificates, the root that signs among them.
async fn all_hold_the_newest(cluster: &Installation) -> Result<bool, Failure> {
    let root = format!("gen-{}.crt", cluster.active_generation().await?);
    let root = cluster.entry("guard-ca", &root).await?;
    let root = parse_bundle(&root).anchors;
    let bundles = bundles(cluster).await?;
    let holds = |bundle: &Vec<u8>| {
        let held = parse_bundle(bundle).anchors;
        root.iter().all(|root| held.contains(root))
    };
    Ok(bundles.len() == 5 && bundles.iter().all(holds))
}

async fn bundles(cluster: &Installation) -> Result<Vec<Vec<u8>>, Failure> {
    let mut bundles = Vec::new();
    for (path, pointer) in [
        (
            "admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
            "/webhooks/0/clientConfig/caBundle",
        ),
        (
            "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            "/webhooks/0/clientConfig/caBundle",
        ),
        (
            "apiextensions.k8s.io/v1/customresourcedefinitions",
            "/spec/conversion/webhook/clientConfig/caBundle",
        ),
        ("apiregistration.k8s.io/v1/apiservices", "/spec/caBundle"),
        (
            "externaldata.gatekeeper.sh/v1beta1/providers",
            "/spec/caBundle",
        ),
    ] {
        let name = match path.rsplit('/').next() {
            Some("customresourcedefinitions") => CRD,
            Some("apiservices") => APISERVICE,
            Some("providers") => "guard",
            _ => TARGET,
        };
        let request = http::Request::get(format!("/apis/{path}/{name}")).body(Vec::new())?;
        let object: Value = cluster.admin.request(request).await?;
        let bundle = object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default();
        bundles.push(STANDARD.decode(bundle)?);
    }
    Ok(bundles)
}
