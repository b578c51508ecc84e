//! Where in an object a webhook is called.

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    core::GroupVersionKind,
};
use scenarios::Failure;
use serde_json::{Value, json};

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

pub(crate) fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

pub(crate) fn is_target(object: &Value) -> bool {
    !client_configs(object).is_empty()
}

/// Each `clientConfig` of a webhook configuration or a definition.
pub(crate) fn client_configs(object: &Value) -> Vec<&Value> {
    let entries = object["webhooks"].as_array().into_iter().flatten();
    let conversion = object.pointer("/spec/conversion/webhook/clientConfig");
    entries
        .map(|entry| &entry["clientConfig"])
        .chain(conversion)
        .collect()
}

pub(crate) fn bundle(client: &Value) -> Result<Option<Vec<u8>>, Failure> {
    let bundle = client["caBundle"].as_str();
    Ok(bundle.map(|text| STANDARD.decode(text)).transpose()?)
}

/// The same object as the API server has it.
pub(crate) async fn stored(client: &Client, object: &Value) -> Result<Value, Failure> {
    let (group, version) = object["apiVersion"]
        .as_str()
        .and_then(|text| text.split_once('/'))
        .ok_or("no group")?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind(object)));
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    Ok(serde_json::to_value(api.get(name(object)).await?)?)
}

/// A configuration that calls this Service for `ConfigMap`s of a namespace that does not exist.
pub(crate) fn configuration(name: &str, service: &Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": name },
        "webhooks": [{
            "name": name,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "elsewhere" } },
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"],
            }],
            "clientConfig": { "service": service },
        }],
    })
}
