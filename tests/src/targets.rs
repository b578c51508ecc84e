//! Targets of the kinds that are not webhook configurations.

use serde_json::{Value, json};

use crate::{APISERVICE, CRD, Installation};

impl Installation {
    /// The definition [`CRD`], converted by the Service, without a bundle.
    pub fn crd(&self) -> Value {
        let mut service = service(self);
        if let Some(fields) = service.as_object_mut() {
            fields.insert("path".into(), "/convert".into());
        }
        let version = |name: &str, is_stored: bool| {
            json!({
                "name": name, "served": true, "storage": is_stored,
                "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            })
        };
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": CRD },
            "spec": {
                "group": "db.example.com",
                "scope": "Namespaced",
                "names": { "plural": "etcds", "singular": "etcd", "kind": "Etcd" },
                "versions": [version("v1alpha1", false), version("v1", true)],
                "conversion": {
                    "strategy": "Webhook",
                    "webhook": {
                        "conversionReviewVersions": ["v1"],
                        "clientConfig": { "service": service },
                    },
                },
            },
        })
    }

    /// The aggregated API [`APISERVICE`], served by the Service, without a bundle.
    pub fn apiservice(&self) -> Value {
        json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": { "name": APISERVICE },
            "spec": {
                "group": "metrics.example.com",
                "version": "v1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": service(self),
            },
        })
    }
}

fn service(cluster: &Installation) -> Value {
    json!({
        "namespace": cluster.service.namespace,
        "name": cluster.service.name,
        "port": cluster.service.address.port(),
    })
}

/// A kind of the shape of gatekeeper's, whose `caBundle` is the base64 of PEM in a string.
pub fn provider_kind() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "providers.externaldata.gatekeeper.sh" },
        "spec": {
            "group": "externaldata.gatekeeper.sh",
            "scope": "Cluster",
            "names": { "plural": "providers", "singular": "provider", "kind": "Provider" },
            "versions": [{
                "name": "v1beta1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": {
                    "type": "object",
                    "properties": {
                        "url": { "type": "string" },
                        "timeout": { "type": "integer" },
                        "caBundle": { "type": "string" },
                    },
                } } } },
            }],
        },
    })
}

/// A provider of that kind, without a bundle.
pub fn provider() -> Value {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "Provider",
        "metadata": { "name": "guard" },
        "spec": { "url": "https://guard.guard-system.svc:8443/validate", "timeout": 3 },
    })
}
