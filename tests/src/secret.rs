//! What stands in the records of an installation.

use k8s_openapi::api::{coordination::v1::Lease, core::v1::Secret};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::Failure;

/// An entry of a Secret.
///
/// # Errors
///
/// There is none.
pub async fn secret_entry(
    client: &Client,
    (namespace, secret): (&str, &str),
    entry: &str,
) -> Result<Vec<u8>, Failure> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let data = secrets.get(secret).await?.data.unwrap_or_default();
    let bytes = data.get(entry).map(|bytes| bytes.0.clone());
    bytes.ok_or_else(|| format!("Secret {secret} has no {entry}").into())
}

/// The generation that signs, as an authority Secret says.
///
/// # Errors
///
/// There is no such Secret, or it says nothing.
pub async fn active_generation(client: &Client, authority: (&str, &str)) -> Result<u64, Failure> {
    let state = secret_entry(client, authority, "state").await?;
    let state: Value = serde_json::from_slice(&state)?;
    let active = state.get("active").and_then(Value::as_u64);
    active.ok_or_else(|| format!("no active generation in {state}").into())
}

/// Empties both Secrets and the Lease of the guard: then everything is to be written.
///
/// # Errors
///
/// One of them is not there.
pub async fn empty_records(client: &Client) -> Result<(), Failure> {
    empty_secrets(client, "guard-system", &["guard-ca", "guard-tls"]).await?;
    let leases: Api<Lease> = Api::namespaced(client.clone(), "guard-system");
    leases
        .patch(
            "guard-webhook-certs",
            &PatchParams::default(),
            &emptied("/spec")?,
        )
        .await?;
    Ok(())
}

/// Empties these Secrets.
///
/// # Errors
///
/// One of them is not there.
pub async fn empty_secrets(
    client: &Client,
    namespace: &str,
    names: &[&str],
) -> Result<(), Failure> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    for name in names {
        secrets
            .patch(name, &PatchParams::default(), &emptied("/data")?)
            .await?;
    }
    Ok(())
}

fn emptied(content: &str) -> Result<Patch<()>, Failure> {
    let add = json!([{ "op": "add", "path": content, "value": {} }]);
    Ok(Patch::Json(serde_json::from_value(add)?))
}
