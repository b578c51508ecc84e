//! The API types: `Etcd`, in two versions. v1 is stored; old clients still read and write v1alpha1.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, ServiceReference, WebhookClientConfig,
    WebhookConversion,
};
use kube::core::crd::{CustomResourceExt, merge_crds, v1::MergeError};

pub(crate) const GROUP: &str = "db.example.com";
pub(crate) const CRD: &str = "etcds.db.example.com";

pub(crate) mod v1 {
    //! The version that is stored.

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
    use kube::CustomResource;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    /// An etcd cluster.
    #[derive(
        Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize,
    )]
    #[kube(
        group = "db.example.com",
        version = "v1",
        kind = "Etcd",
        doc = "An etcd cluster.",
        namespaced,
        derive = "PartialEq",
        status = "EtcdStatus",
        printcolumn = r#"{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}"#,
        printcolumn = r#"{"name": "Ready", "type": "integer", "jsonPath": ".status.readyMembers"}"#,
        printcolumn = r#"{"name": "Phase", "type": "string", "jsonPath": ".status.phase"}"#
    )]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct EtcdSpec {
        /// How many members: 1, 3, 5 or 7. 3 if not set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) size: Option<u32>,
        /// Version of etcd, such as 3.6.5.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) version: Option<String>,
        /// A volume for each member. Without it data lives and dies with the pod.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) storage: Option<Storage>,
        /// TLS for clients. Without it they speak plain HTTP.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) tls: Option<Tls>,
    }

    /// A volume.
    #[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct Storage {
        /// Its size, such as 1Gi, which is the default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) size: Option<String>,
        /// Its storage class; the cluster's default if not set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) class_name: Option<String>,
    }

    /// A certificate for clients.
    #[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct Tls {
        /// A Secret of type kubernetes.io/tls in the same namespace.
        pub(crate) secret_name: String,
    }

    /// How it stands.
    #[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct EtcdStatus {
        /// Creating, Ready or Degraded.
        #[serde(default)]
        pub(crate) phase: String,
        /// How many members answer.
        #[serde(default)]
        pub(crate) ready_members: i32,
        /// The generation that this is about.
        #[serde(default)]
        pub(crate) observed_generation: i64,
        /// Ready: whether a majority answers.
        #[serde(default)]
        pub(crate) conditions: Vec<Condition>,
    }
}

pub(crate) mod v1alpha1 {
    //! The version of old clients: other names, a flat shape, no TLS.

    use kube::CustomResource;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::v1::EtcdStatus;

    /// An etcd cluster.
    #[derive(
        Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize,
    )]
    #[kube(
        group = "db.example.com",
        version = "v1alpha1",
        kind = "Etcd",
        doc = "An etcd cluster.",
        namespaced,
        status = "EtcdStatus"
    )]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct EtcdSpec {
        /// How many members: 1, 3, 5 or 7. 3 if not set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) replicas: Option<u32>,
        /// Version of etcd, such as 3.6.5.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) version: Option<String>,
        /// Size of each member's volume, such as 1Gi. Without it and a class, data lives and dies with the pod.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) storage_size: Option<String>,
        /// Storage class of each member's volume.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) storage_class: Option<String>,
    }
}

/// Returns the definition of both versions. It leaves out the bundle: the manager of the certificates fills that in,
/// and until then API servers trust no server for its conversion.
pub(crate) fn definition(
    namespace: &str,
    service: &str,
) -> Result<CustomResourceDefinition, MergeError> {
    let mut definition = merge_crds(vec![v1::Etcd::crd(), v1alpha1::Etcd::crd()], "v1")?;
    definition.spec.conversion = Some(CustomResourceConversion {
        strategy: "Webhook".into(),
        webhook: Some(WebhookConversion {
            client_config: Some(WebhookClientConfig {
                service: Some(ServiceReference {
                    namespace: namespace.into(),
                    name: service.into(),
                    path: Some("/convert".into()),
                    port: None,
                }),
                ..WebhookClientConfig::default()
            }),
            conversion_review_versions: vec!["v1".into()],
        }),
    });
    Ok(definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_that_is_deployed_is_the_one_of_the_program() {
        let definition = definition("etcd-operator-system", "etcd-operator").unwrap();
        let expected = serde_json::to_value(&definition).unwrap();
        let deployed: serde_json::Value =
            serde_saphyr::from_str(include_str!("../deploy/crd.yaml")).unwrap();
        assert_eq!(
            deployed, expected,
            "run: cargo run -p etcd-operator -- crd > examples/etcd-operator/deploy/crd.yaml"
        );
        assert_eq!(definition.metadata.name.as_deref(), Some(CRD));
        assert_eq!(definition.spec.group, GROUP);
    }
}
