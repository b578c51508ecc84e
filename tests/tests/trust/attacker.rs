//! Users with one right each.

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use scenarios::{APISERVICE, CRD, Failure, Installation, TARGET, apply, until};
use serde_json::{Value, json};

pub(crate) const NAMESPACE: &str = "guard-system";
const USER: &str = "mallory";
const FORBIDDEN: u16 = 403;

/// An object that an attacker may write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    group: &'static str,
    version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) name: &'static str,
    is_namespaced: bool,
    /// Where its bundle is; empty if it has none.
    bundle: &'static str,
}

const fn namespaced(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    name: &'static str,
) -> Object {
    Object {
        group,
        version: "v1",
        kind,
        plural,
        name,
        is_namespaced: true,
        bundle: "",
    }
}

const fn target(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    name: &'static str,
    bundle: &'static str,
) -> Object {
    Object {
        group,
        version: "v1",
        kind,
        plural,
        name,
        is_namespaced: false,
        bundle,
    }
}

pub(crate) const AUTHORITY: Object = namespaced("", "Secret", "secrets", "guard-ca");
pub(crate) const SERVING: Object = namespaced("", "Secret", "secrets", "guard-tls");
pub(crate) const LEASE: Object = namespaced(
    "coordination.k8s.io",
    "Lease",
    "leases",
    "guard-webhook-certs",
);
pub(crate) const VALIDATING: Object = target(
    "admissionregistration.k8s.io",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    TARGET,
    "/webhooks/0/clientConfig/caBundle",
);
pub(crate) const MUTATING: Object = target(
    "admissionregistration.k8s.io",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    TARGET,
    "/webhooks/0/clientConfig/caBundle",
);
pub(crate) const DEFINITION: Object = target(
    "apiextensions.k8s.io",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    CRD,
    "/spec/conversion/webhook/clientConfig/caBundle",
);
pub(crate) const AGGREGATED: Object = target(
    "apiregistration.k8s.io",
    "APIService",
    "apiservices",
    APISERVICE,
    "/spec/caBundle",
);
pub(crate) const PROVIDER: Object = Object {
    version: "v1beta1",
    ..target(
        "externaldata.gatekeeper.sh",
        "Provider",
        "providers",
        "guard",
        "/spec/caBundle",
    )
};
/// One of each kind.
pub(crate) const TARGETS: [Object; 5] = [VALIDATING, MUTATING, DEFINITION, AGGREGATED, PROVIDER];

impl Object {
    pub(crate) fn api(&self, client: &Client) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(self.group, self.version, self.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, self.plural);
        if self.is_namespaced {
            Api::namespaced_with(client.clone(), NAMESPACE, &resource)
        } else {
            Api::all_with(client.clone(), &resource)
        }
    }

    /// The bundle of its first entry, as PEM; empty if there is none.
    pub(crate) async fn bundle(&self, client: &Client) -> Result<String, Failure> {
        let object = self.api(client).get(self.name).await?;
        let bundle = object.data.pointer(self.bundle).and_then(Value::as_str);
        Ok(String::from_utf8(
            STANDARD.decode(bundle.unwrap_or_default())?,
        )?)
    }

    /// A patch that writes the bundle of its first entry.
    pub(crate) fn holding(&self, pem: &str) -> Result<Patch<()>, Failure> {
        json_patch(self.bundle, &STANDARD.encode(pem).into())
    }
}

fn json_patch(path: &str, value: &Value) -> Result<Patch<()>, Failure> {
    let add = json!([{ "op": "add", "path": path, "value": value }]);
    Ok(Patch::Json(serde_json::from_value(add)?))
}

/// A patch that writes these entries of a Secret, and leaves the others.
pub(crate) fn entries(entries: &[(&str, &str)]) -> Patch<Value> {
    let data = entries
        .iter()
        .map(|(name, text)| ((*name).to_owned(), STANDARD.encode(text).into()));
    let data: serde_json::Map<String, Value> = data.collect();
    Patch::Merge(json!({ "data": data }))
}

/// A user who may patch one object, and do nothing else at all.
pub(crate) struct Attacker {
    admin: Client,
    client: Client,
    object: Object,
}

impl Attacker {
    /// Grants the right.
    pub(crate) async fn of(cluster: &Installation, object: Object) -> Result<Self, Failure> {
        let (admin, client) = (
            cluster.admin.clone(),
            cluster.control_plane.client_as(USER, 0).await?,
        );
        for rule in rules(&object) {
            apply(&admin, &rule.to_string()).await?;
        }
        let attacker = Self {
            admin,
            client,
            object,
        };
        // The user may do nothing else: not even read what it may patch.
        let api = object.api(&attacker.client);
        until("the attacker may patch", async || attacker.may().await).await?;
        let read = api.get(object.name).await.map(drop);
        assert!(!allowed(read)?, "the attacker may read {}", object.name);
        Ok(attacker)
    }

    /// Writes, under the name of this field manager; returns what the API server answers.
    pub(crate) async fn writes_as<T: serde::Serialize + std::fmt::Debug>(
        &self,
        manager: &str,
        patch: &Patch<T>,
    ) -> Result<DynamicObject, Failure> {
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        let api = self.object.api(&self.client);
        Ok(api.patch(self.object.name, &params, patch).await?)
    }

    /// The same under a name of its own.
    pub(crate) async fn writes<T: serde::Serialize + std::fmt::Debug>(
        &self,
        patch: &Patch<T>,
    ) -> Result<DynamicObject, Failure> {
        self.writes_as(USER, patch).await
    }

    /// Takes the right away, and waits until the API server knows.
    pub(crate) async fn loses_it(self) -> Result<(), Failure> {
        let [_, binding] = rules(&self.object);
        let kind = binding["kind"].as_str().unwrap_or_default();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(
            "rbac.authorization.k8s.io",
            "v1",
            kind,
        ));
        let bindings: Api<DynamicObject> = if self.object.is_namespaced {
            Api::namespaced_with(self.admin.clone(), NAMESPACE, &resource)
        } else {
            Api::all_with(self.admin.clone(), &resource)
        };
        bindings.delete(USER, &DeleteParams::default()).await?;
        until("the attacker may not patch", async || {
            Ok(!self.may().await?)
        })
        .await
    }
}

impl Attacker {
    async fn may(&self) -> Result<bool, Failure> {
        let (params, nothing) = (PatchParams::default(), Patch::Merge(json!({})));
        let api = self.object.api(&self.client);
        let tried = api.patch(self.object.name, &params, &nothing).await;
        allowed(tried.map(drop))
    }
}

fn allowed(outcome: Result<(), kube::Error>) -> Result<bool, Failure> {
    match outcome {
        Ok(()) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == FORBIDDEN => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn rules(object: &Object) -> [Value; 2] {
    let cluster = if object.is_namespaced { "" } else { "Cluster" };
    let mut metadata = json!({ "name": USER });
    if object.is_namespaced {
        metadata["namespace"] = NAMESPACE.into();
    }
    let role = format!("{cluster}Role");
    [
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": role,
            "metadata": metadata,
            "rules": [{
                "apiGroups": [object.group],
                "resources": [object.plural],
                "resourceNames": [object.name],
                "verbs": ["patch"],
            }],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": format!("{role}Binding"),
            "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": USER },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER }],
        }),
    ]
}
