//! Creates objects from manifests, as `kubectl apply --server-side` does.

use kube::{
    Client, ResourceExt,
    api::{Api, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
    discovery::{Scope, pinned_kind},
};

const FIELD_MANAGER: &str = "scenario";

/// Why a manifest was not applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Not YAML, or not Kubernetes objects.
    #[error("cannot read the manifest")]
    Manifest(#[source] Box<serde_saphyr::Error>),
    /// A document has no `apiVersion` or `kind`.
    #[error("an object has no kind: {0}")]
    NoKind(String),
    /// The API server said no.
    #[error("cannot apply {object}")]
    Refused {
        /// Kind and name.
        object: String,
        /// What the API server says.
        source: Box<kube::Error>,
    },
}

/// Applies every document of a manifest (YAML or JSON) in order, and takes fields from whoever had them.
///
/// An object without a namespace goes to the client's default namespace if its kind has namespaces.
///
/// # Errors
///
/// [`ApplyError`] of the first document that was not applied.
pub async fn apply(client: &Client, manifest: &str) -> Result<(), ApplyError> {
    let objects: Vec<DynamicObject> = serde_saphyr::from_multiple(manifest)
        .map_err(|error| ApplyError::Manifest(Box::new(error)))?;
    let params = PatchParams::apply(FIELD_MANAGER).force();
    for object in objects {
        apply_object(client, &object, &params).await?;
    }
    Ok(())
}

/// Applies one object as these parameters say; returns what is stored.
///
/// # Errors
///
/// As for [`apply()`].
pub async fn apply_object(
    client: &Client,
    object: &DynamicObject,
    params: &PatchParams,
) -> Result<DynamicObject, ApplyError> {
    let (api, kind) = api_of(client, object).await?;
    let name = object.name_any();
    api.patch(&name, params, &Patch::Apply(object))
        .await
        .map_err(|source| refused(&kind, &name, source))
}

/// What is stored of the object of that kind, namespace and name.
///
/// # Errors
///
/// As for [`apply()`], also if there is no such object.
pub(crate) async fn stored(
    client: &Client,
    object: &DynamicObject,
) -> Result<DynamicObject, ApplyError> {
    let (api, kind) = api_of(client, object).await?;
    let name = object.name_any();
    let stored = api.get(&name).await;
    stored.map_err(|source| refused(&kind, &name, source))
}

fn refused(kind: &str, name: &str, source: kube::Error) -> ApplyError {
    ApplyError::Refused {
        object: format!("{kind} {name}"),
        source: Box::new(source),
    }
}

/// Where objects of its kind and namespace are, and the kind.
async fn api_of(
    client: &Client,
    object: &DynamicObject,
) -> Result<(Api<DynamicObject>, String), ApplyError> {
    let name = object.name_any();
    let types = object
        .types
        .as_ref()
        .ok_or_else(|| ApplyError::NoKind(name.clone()))?;
    let kind = GroupVersionKind::try_from(types).map_err(|_| ApplyError::NoKind(name.clone()))?;
    let found = pinned_kind(client, &kind).await;
    let (resource, capabilities) = found.map_err(|source| refused(&types.kind, &name, source))?;
    let api = match (capabilities.scope, object.namespace()) {
        (Scope::Cluster, _) => Api::all_with(client.clone(), &resource),
        (Scope::Namespaced, Some(namespace)) => {
            Api::namespaced_with(client.clone(), &namespace, &resource)
        }
        (Scope::Namespaced, None) => Api::default_namespaced_with(client.clone(), &resource),
    };
    Ok((api, types.kind.clone()))
}
