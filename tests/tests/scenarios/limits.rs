//! What API servers may send, and that they get in while others try to keep them out.

use std::{net::SocketAddr, process::Command};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use scenarios::{
    CALLED, CREATING, Failure, Installation, Mode, Program, TARGET, apply, call_once, page,
};
use serde_json::json;
use tokio::net::TcpStream;

use crate::ALONE;

/// Descriptors of a program. Half of them may be connections.
const DESCRIPTORS: u16 = 100;
const IDLE: usize = 300;

#[tokio::test]
async fn large_objects_are_admitted_and_callers_get_in_beside_hundreds_of_idle_connections()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, CREATING).await?;
    let _service = cluster.balance(1).await?;
    let mut configuration = cluster.configuration("ValidatingWebhookConfiguration", TARGET, CALLED);
    configuration["webhooks"][0]["rules"][0]["operations"] = json!(["CREATE", "UPDATE"]);
    apply(&cluster.admin, &configuration.to_string()).await?;
    let address = cluster.replica_address(0);
    let kubeconfig = cluster.keeper_kubeconfig().display().to_string();
    let mode = Mode::KeepSteadily.as_str();
    let guard = [kubeconfig.as_str(), &address.to_string(), mode];
    let mut server = with_few_descriptors(&cluster, "guard", &guard)?;
    server.says("ready").await?;
    cluster.admitted(CALLED, 0).await?;

    let api: Api<ConfigMap> = Api::namespaced(cluster.admin.clone(), CALLED);
    let create = PostParams::default();
    api.create(&create, &large('a')).await?;
    // A review of both objects: more than axum's limit of 2 MB, if it is written as JSON with its escapes.
    api.replace("large", &create, &large('"')).await?;
    api.replace("large", &create, &large('\\')).await?;

    let idle = connected(address).await?;
    for call in 0..40 {
        let answer = call_once(&api).await;
        answer.map_err(|error| format!("call {call}: {error}"))?;
    }
    drop(idle);
    assert!(
        server
            .log()?
            .matches("connections are not accepted")
            .count()
            <= 1
    );
    Ok(())
}

#[tokio::test]
async fn pages_are_answered_beside_hundreds_of_idle_connections() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, CREATING).await?;
    let address = cluster.replica_address(1);
    let flags = [
        "run".to_owned(),
        "--namespace=guard-system".into(),
        "--service=guard".into(),
        format!("--kubeconfig={}", cluster.keeper_kubeconfig().display()),
        format!("--listen={address}"),
    ];
    let mut keeper = with_few_descriptors(&cluster, "webhook-certs", &flags)?;
    keeper.says("serving certificate issued").await?;
    let idle = connected(address).await?;
    for _ in 0..5 {
        let healthy = page(address, "/healthz").await?;
        assert!(healthy.starts_with(b"HTTP/1.1 200"));
    }
    drop(idle);
    assert!(
        keeper
            .log()?
            .matches("connections are not accepted")
            .count()
            <= 1
    );
    Ok(())
}

/// 900 kB of what takes two bytes each in JSON, if it is to be escaped.
fn large(of: char) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some("large".into()),
            ..ObjectMeta::default()
        },
        data: Some([("large".into(), of.to_string().repeat(900_000))].into()),
        ..ConfigMap::default()
    }
}

async fn connected(address: SocketAddr) -> std::io::Result<Vec<TcpStream>> {
    let mut all = Vec::new();
    for _ in 0..IDLE {
        all.push(TcpStream::connect(address).await?);
    }
    Ok(all)
}

fn with_few_descriptors(
    cluster: &Installation,
    program: &str,
    arguments: &[impl AsRef<std::ffi::OsStr>],
) -> Result<Program, Failure> {
    let beside = std::env::current_exe()?;
    let mut built = beside.ancestors().map(|folder| folder.join(program));
    let built = built.find(|path| path.is_file()).ok_or("it is not built")?;
    let mut command = Command::new("sh");
    let limited = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"");
    command.arg("-c").arg(limited).arg(built).args(arguments);
    Ok(Program::command(program, command, cluster.folder())?)
}
