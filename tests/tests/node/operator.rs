//! The example operator on a node, through CA rotations. What else it does is in the tutorial.

use scenarios::{CALLED, Failure, converted_through_rotations, until};

use crate::{
    installed::{Installed, Variables},
    rotation::FAST,
};

#[tokio::test]
async fn conversion_survives_rotations_with_a_watch_open() -> Result<(), Failure> {
    let fast = Variables {
        deployment: "etcd-operator",
        container: "containers/0",
        values: &FAST,
    };
    let cluster = Installed::start("etcd-operator", &[fast], "").await?;
    cluster
        .rolled_out("etcd-operator-system", "etcd-operator")
        .await?;
    let store = format!(
        "{}/../examples/etcd-operator/store.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    // The API server may have seen the definition and not yet the bundle.
    until("an Etcd is admitted", async || {
        let apply = ["-n", CALLED, "apply", "-f", &store];
        Ok(cluster.node.kubectl(&apply).await.is_ok())
    })
    .await?;
    let authority = ("etcd-operator-system", "etcd-operator-ca");
    let store = (CALLED, "store");
    let (writes, seen) = converted_through_rotations(&cluster.client, store, authority, 3).await?;
    eprintln!("conversion, 3 rotations: {writes} changes, {seen} of them watched");
    assert!(writes > 200 && seen + 1 >= writes / 2, "{writes} {seen}");
    cluster
        .node
        .kubectl(&["delete", "etcds", "--all", "--all-namespaces"])
        .await?;
    cluster.remove().await
}
