//! What another manager applies stays its own: a chart that is applied again finds no conflict and no difference.

use std::path::{Path, PathBuf};

use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Secret, Service},
};
use kube::{Api, api::DeleteParams};
use scenarios::{
    APISERVICE, CRD, Chart, Failure, Installation, Program, TARGET, apply, manifests, provider,
    provider_kind, until,
};
use serde_json::{Value, json};

use crate::{ALONE, interference::write_bundle, report};

const OBJECTS: [&str; 3] = ["guard-ca", "guard-tls", "guard-webhook-certs"];

#[tokio::test]
async fn a_chart_that_is_applied_again_finds_no_conflict_and_no_difference() -> Result<(), Failure>
{
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, &[]).await?;
    // The chart renders it, too; no call is made here.
    let services: Api<Service> = Api::namespaced(cluster.admin.clone(), "guard-system");
    services.delete("guard", &DeleteParams::default()).await?;
    let deployed = manifests(&deploy())?;
    let chart = Chart::of(&cluster.admin, rendered(&cluster, &deployed)?)?;
    apply(&cluster.admin, &provider_kind().to_string()).await?;
    until("the kind Provider", async || {
        Ok(apply(&cluster.admin, &provider().to_string()).await.is_ok())
    })
    .await?;
    chart.apply().await?;
    chart.differs_in_nothing().await?;

    // Empty records are filled, targets injected, a pod touched, the Lease given up; then the same upon what is filled.
    for round in ["first", "second"] {
        let mut keeper = keeper(&cluster, round)?;
        keeper.says("taking the lead").await?;
        if round == "first" {
            keeper.says_times("bundle written", 5).await?;
            keeper.says("pods told to look").await?;
            write_bundle(&cluster, "vandal", "garbage").await?;
            keeper.says_times("bundle written", 6).await?;
        }
        cluster.rotations(1).await?;
        // Beside a keeper that goes on writing.
        chart.apply().await?;
        stop(keeper).await?;
        chart.differs_in_nothing().await?;
        chart.apply().await?;
    }

    // What is made by the keeper has a label of its own, and a type: manifests that name neither take it as it is.
    delete_records(&cluster).await?;
    let mut keeper = keeper(&cluster, "third")?;
    keeper.says("serving certificate issued").await?;
    keeper.says("taking the lead").await?;
    stop(keeper).await?;
    let premade = deployed.iter().filter(|object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        ["Secret", "Lease"]
            .iter()
            .any(|kind| object["kind"] == *kind)
            && OBJECTS.contains(&name)
    });
    let premade: Vec<Value> = premade.cloned().collect();
    assert_eq!(premade.len(), OBJECTS.len());
    let chart = Chart::as_rendered(&cluster.admin, premade)?;
    chart.differs_in_nothing().await?;
    chart.apply().await?;
    report("a chart of another manager: no conflict, no difference");
    Ok(())
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// The same, with a target of every kind, and a pod as the Deployment of the server makes it.
fn rendered(cluster: &Installation, deployed: &[Value]) -> Result<Vec<Value>, Failure> {
    let standalone = manifests(&deploy().join("standalone"))?;
    let mut objects = deployed.to_vec();
    objects.extend([
        cluster.configuration("MutatingWebhookConfiguration", TARGET, "nowhere"),
        cluster.crd(),
        cluster.apiservice(),
        provider(),
    ]);
    let server = standalone
        .iter()
        .find(|object| object["kind"] == "Deployment" && object["metadata"]["name"] == "guard");
    let server = server.ok_or("deploy/standalone has no server")?;
    objects.push(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "guard-0", "namespace": "guard-system", "labels": { "app": "guard" } },
        "spec": server["spec"]["template"]["spec"],
    }));
    Ok(objects)
}

fn keeper(cluster: &Installation, name: &str) -> Result<Program, Failure> {
    let flags = [
        "--validating",
        TARGET,
        "--mutating",
        TARGET,
        "--crd",
        CRD,
        "--apiservice",
        APISERVICE,
        "--provider=guard",
        "--nudge-pods=app=guard",
    ];
    cluster.run_fast(name, &flags)
}

async fn stop(mut keeper: Program) -> Result<(), Failure> {
    keeper.terminate()?;
    assert!(keeper.end().await?.success());
    Ok(())
}

async fn delete_records(cluster: &Installation) -> Result<(), Failure> {
    let params = DeleteParams::default();
    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let leases: Api<Lease> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let [ca, tls, lease] = OBJECTS;
    secrets.delete(ca, &params).await?;
    secrets.delete(tls, &params).await?;
    leases.delete(lease, &params).await?;
    Ok(())
}
