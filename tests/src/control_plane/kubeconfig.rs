//! The file by which clients find the API servers.
//!
//! <https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::credentials::ClientCertificate;

/// The context, and the cluster, of API server `index`.
pub(super) fn context(index: usize) -> String {
    format!("apiserver-{index}")
}

/// JSON, which every reader of YAML takes.
pub(super) fn render(
    urls: impl Iterator<Item = String>,
    root_pem: &str,
    client: &ClientCertificate,
) -> String {
    let (clusters, contexts): (Vec<Value>, Vec<Value>) = urls
        .enumerate()
        .map(|(index, url)| {
            let name = context(index);
            let cluster =
                json!({"server": url, "certificate-authority-data": STANDARD.encode(root_pem)});
            (
                json!({"name": name, "cluster": cluster}),
                json!({"name": name, "context": {"cluster": name, "user": "user"}}),
            )
        })
        .unzip();
    let user = json!({
        "client-certificate-data": STANDARD.encode(&client.certificate),
        "client-key-data": STANDARD.encode(&client.key),
    });
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters,
        "contexts": contexts,
        "current-context": context(0),
        "users": [{"name": "user", "user": user}],
    });
    format!("{kubeconfig:#}\n")
}
