//! A server that serves API servers only, and what `docs/client-certificates.md` tells the administrator.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use scenarios::{
    CALLED, CREATING, Failure, Installation, Mode, Program, TARGET, WebhookService, apply,
    call_once, until,
};
use serde_json::Value;

use crate::ALONE;

/// Where the files stand in the documentation.
const ON_THE_NODE: &str = "/etc/kubernetes";

#[tokio::test]
async fn an_api_server_configured_as_documented_is_served_and_no_other_caller()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let mut cluster = Installation::new(1, CREATING).await?;
    let _service = cluster.balance(1).await?;
    let configuration = cluster.configuration("ValidatingWebhookConfiguration", TARGET, CALLED);
    apply(&cluster.admin, &configuration.to_string()).await?;
    let folder = cluster.folder().join("kubernetes");
    let ca = write_certificate(&cluster, &folder)?;
    let arguments = [
        cluster.keeper_kubeconfig().display().to_string(),
        cluster.replica_address(0).to_string(),
        Mode::KeepSteadily.as_str().to_owned(),
        ca,
    ];
    let mut server = Program::start("guard", "guard", &arguments, cluster.folder())?;
    server.says("ready").await?;

    let api: Api<ConfigMap> = Api::namespaced(cluster.admin.clone(), CALLED);
    until("the server refuses the handshake", async || {
        let error = match call_once(&api).await {
            Ok(()) => return Err("a caller without a certificate was served".into()),
            Err(error) => error.to_string(),
        };
        // The API server has sent its request by then, so that the alert may be lost with the connection.
        let is_refused = ["tls: certificate required", "EOF", "connection reset"];
        Ok(is_refused.iter().any(|sign| error.contains(sign)))
    })
    .await?;

    let flag = write_documented(&folder)?;
    cluster.control_plane.kill_apiserver(0)?;
    cluster
        .control_plane
        .start_apiserver_with(0, &[flag])
        .await?;
    cluster.admitted(CALLED, 0).await
}

/// The API server's certificate for webhooks, and its key; gives the file of the CA that issued it.
fn write_certificate(cluster: &Installation, folder: &Path) -> Result<String, Failure> {
    fs::create_dir_all(folder.join("pki"))?;
    let kubeconfig = folder.join("user.kubeconfig");
    cluster
        .control_plane
        .kubeconfig_for("webhooks", &kubeconfig)?;
    let kubeconfig: Value = serde_json::from_slice(&fs::read(kubeconfig)?)?;
    let user = &kubeconfig["users"][0]["user"];
    for (field, name) in [
        ("client-certificate-data", "pki/webhooks.crt"),
        ("client-key-data", "pki/webhooks.key"),
    ] {
        let data = STANDARD.decode(user[field].as_str().unwrap_or_default())?;
        fs::write(folder.join(name), data)?;
    }
    Ok(cluster
        .control_plane
        .client_root_file()
        .display()
        .to_string())
}

/// Writes the files of the documentation into `folder`; gives the flag by which the API server finds them.
fn write_documented(folder: &Path) -> Result<String, Failure> {
    let here = folder.display().to_string();
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/client-certificates.md"
    );
    let page = fs::read_to_string(page)?;
    let flag = page
        .split('`')
        .find(|code| code.contains("--admission-control-config-file="));
    let flag = flag.and_then(|code| code.split_whitespace().last());
    let flag = flag
        .ok_or("the flag is not documented")?
        .replace(ON_THE_NODE, &here);
    let files: BTreeMap<&str, &str> = (page.split("```yaml\n").skip(1))
        .filter_map(|block| block.split("```").next()?.split_once('\n'))
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
    // The Service of this control plane has another port than 443, and is named with it.
    let service = "guard.guard-system.svc";
    let named = format!("{service}:{}", WebhookService::PORT);
    for (comment, text) in files {
        let path = comment.trim_start_matches("# ").replace(ON_THE_NODE, &here);
        let text = text.replace(ON_THE_NODE, &here);
        let text = text.replace(&format!("name: {service}"), &format!("name: {named}"));
        fs::write(path, text)?;
    }
    Ok(flag)
}
