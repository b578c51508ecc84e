//! What another manager applies of the operator, and an `Etcd` of a user, stays its own.

use scenarios::{Chart, Failure, Version, empty_secrets, manifests, until};
use serde_json::Value;

use crate::{Cluster, NAMESPACE, folder};

#[tokio::test]
async fn a_chart_of_the_operator_finds_no_conflict_and_no_difference() -> Result<(), Failure> {
    let mut cluster = Cluster::start(Version::Newest, &[]).await?;
    cluster.is_admitted("first").await?;
    let mut objects = manifests(&folder().join("deploy"))?;
    // Its ports are those of the test; the operator writes no Service but those of an Etcd.
    objects.retain(|object| object["kind"] != "Service");
    let store = std::fs::read_to_string(folder().join("store.yaml"))?;
    let mut store: Value = serde_saphyr::from_str(&store)?;
    store["metadata"]["namespace"] = "shop".into();
    objects.push(store);
    let chart = Chart::of(&cluster.admin, objects)?;

    for round in 0..2 {
        chart.apply().await?;
        until("the status says Creating", async || {
            let store = cluster.etcds("v1").get("store").await?;
            Ok(store.data["status"]["phase"] == "Creating")
        })
        .await?;
        chart.differs_in_nothing().await?;
        // New certificates, and new bundles in all three targets.
        let secrets = ["etcd-operator-ca", "etcd-operator-tls"];
        empty_secrets(&cluster.admin, NAMESPACE, &secrets).await?;
        let written = 3 * (round + 2);
        cluster
            .operator
            .says_times("bundle written", written)
            .await?;
    }
    chart.differs_in_nothing().await?;
    chart.apply().await
}
