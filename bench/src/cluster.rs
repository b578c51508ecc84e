//! A cluster in which much stands that is none of our business.

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::{
    ByteString, api::core::v1::Secret,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use scenarios::{CRD, Failure, Installation, PREMADE, TARGET, apply};
use serde_json::{Value, json};

pub(crate) const SECRETS: usize = 5000;
pub(crate) const DEFINITIONS: usize = 300;
const SECRET_SIZE: usize = 4096;
const DEFINITION_SIZE: usize = 35_000;
const AT_ONCE: usize = 16;

/// Thousands of Secrets in the operator's own namespace, hundreds of large definitions, and two targets of ours.
pub(crate) async fn crowded() -> Result<Installation, Failure> {
    let cluster = Installation::new(1, PREMADE).await?;
    secrets(&cluster).await?;
    definitions(&cluster).await?;
    let object = cluster.configuration("ValidatingWebhookConfiguration", TARGET, "called");
    apply(&cluster.admin, &object.to_string()).await?;
    let mut definition = definition(CRD, "db.example.com", "etcd");
    let spec = definition.get_mut("spec").and_then(Value::as_object_mut);
    spec.ok_or("a definition without spec")?.insert(
        "conversion".into(),
        json!({
            "strategy": "Webhook",
            "webhook": {
                "conversionReviewVersions": ["v1"],
                "clientConfig": { "service": { "namespace": "guard-system", "name": "guard" } },
            },
        }),
    );
    apply(&cluster.admin, &definition.to_string()).await?;
    Ok(cluster)
}

async fn secrets(cluster: &Installation) -> Result<(), Failure> {
    let api: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let created = (0..SECRETS).map(|index| {
        let api = &api;
        async move {
            let secret = Secret {
                metadata: ObjectMeta {
                    name: Some(format!("foreign-{index}")),
                    ..ObjectMeta::default()
                },
                data: Some([("value".into(), ByteString(vec![7; SECRET_SIZE]))].into()),
                ..Secret::default()
            };
            api.create(&PostParams::default(), &secret).await.map(drop)
        }
    });
    let created = stream::iter(created).buffer_unordered(AT_ONCE);
    Ok(created.try_collect::<()>().await?)
}

async fn definitions(cluster: &Installation) -> Result<(), Failure> {
    let api: Api<CustomResourceDefinition> = Api::all(cluster.admin.clone());
    let created = (0..DEFINITIONS).map(|index| {
        let api = &api;
        async move {
            let kind = format!("foreign{index}");
            let name = format!("{kind}s.foreign.example.com");
            let object = serde_json::from_value(definition(&name, "foreign.example.com", &kind))?;
            api.create(&PostParams::default(), &object).await?;
            Ok::<(), Failure>(())
        }
    });
    let created = stream::iter(created).buffer_unordered(AT_ONCE);
    created.try_collect::<()>().await
}

fn definition(name: &str, group: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": name },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": { "plural": format!("{kind}s"), "singular": kind, "kind": kind },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": {
                    "type": "object",
                    "description": "x".repeat(DEFINITION_SIZE),
                    "x-kubernetes-preserve-unknown-fields": true,
                } },
            }],
        },
    })
}
