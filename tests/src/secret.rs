//! What stands in a Secret.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use serde_json::Value;

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
