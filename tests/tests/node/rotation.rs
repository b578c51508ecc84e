//! Rotations under load, as `deploy/` installs it: as a sidecar, and through a mounted Secret.

use std::time::Duration;

use scenarios::{CALLED, Failure, Load, deployed};

use tokio::time::sleep;

use crate::installed::{Installed, Variables};

const PER_SECOND: u32 = 50;
const AUTHORITY: (&str, &str) = ("guard-system", "guard-ca");
/// A rotation every twenty seconds or so.
pub(crate) const FAST: [(&str, &str); 6] = [
    ("CA_LIFETIME", "90s"),
    ("CA_RENEW_AFTER", "20s"),
    ("DWELL", "8s"),
    ("LEAF_LIFETIME", "48s"),
    ("LEAF_RENEW_BEFORE", "30s"),
    ("CLOCK_ALLOWANCE", "2s"),
];

/// A rotation every hundred seconds: about what a kubelet takes.
const SLOW: [(&str, &str); 6] = [
    ("CA_LIFETIME", "8m"),
    ("CA_RENEW_AFTER", "100s"),
    ("DWELL", "10s"),
    ("LEAF_LIFETIME", "5m"),
    ("LEAF_RENEW_BEFORE", "3m"),
    ("CLOCK_ALLOWANCE", "2s"),
];
/// The longest that it takes, by its source: the time between two looks, and how long it believes the last.
const KUBELET: Duration = Duration::from_secs(90);

#[tokio::test]
async fn a_sidecar_rotates_under_load_through_an_update_and_deleted_pods() -> Result<(), Failure> {
    let fast = Variables {
        deployment: "guard",
        container: "initContainers/0",
        values: &FAST,
    };
    let cluster = Installed::start("sidecar", &[fast], "").await?;
    called_first(&cluster, "sidecar").await?;

    let load = Load::start(vec![cluster.client.clone()], CALLED, PER_SECOND);
    cluster.rotations(AUTHORITY, 1).await?;
    let restart = [
        "-n",
        "guard-system",
        "rollout",
        "restart",
        "deployment/guard",
    ];
    cluster.node.kubectl(&restart).await?;
    cluster.rolled_out("guard-system", "guard").await?;
    cluster.rotations(AUTHORITY, 1).await?;
    delete_the_leader(&cluster).await?;
    cluster.rotations(AUTHORITY, 1).await?;
    let outcome = load.stop();
    eprintln!("sidecar, 3 rotations, an update, the leader deleted: {outcome}");
    assert!(outcome.is_kept(1000), "{outcome}");
    cluster.remove().await
}

#[tokio::test]
async fn a_mounted_secret_is_nudged_through_rotations_under_load() -> Result<(), Failure> {
    let mut values = FAST.to_vec();
    values.push(("NUDGE_PODS", "app=guard"));
    let fast = Variables {
        deployment: "guard-webhook-certs",
        container: "containers/0",
        values: &values,
    };
    let cluster = Installed::start("standalone", &[fast], &deployed("rbac-nudge.yaml")?).await?;
    called_first(&cluster, "standalone").await?;

    let load = Load::start(vec![cluster.client.clone()], CALLED, PER_SECOND);
    cluster.rotations(AUTHORITY, 3).await?;
    let outcome = load.stop();
    eprintln!("mounted and nudged, 3 rotations: {outcome}");
    assert!(outcome.is_kept(1000), "{outcome}");
    cluster.remove().await
}

/// A changed Secret is in the pods up to 90 s later, and they are brought there at different times.
#[tokio::test]
async fn a_mounted_secret_is_left_to_the_kubelet_through_rotations() -> Result<(), Failure> {
    let slow = Variables {
        deployment: "guard-webhook-certs",
        container: "containers/0",
        values: &SLOW,
    };
    let cluster = Installed::start("standalone", &[slow], "").await?;
    called_first(&cluster, "mounted").await?;

    let load = Load::start(vec![cluster.client.clone()], CALLED, PER_SECOND);
    cluster.rotations(AUTHORITY, 2).await?;
    // The certificate of the last is served by both pods when this is over.
    sleep(KUBELET).await;
    let outcome = load.stop();
    eprintln!("mounted, 2 rotations: {outcome}");
    assert!(outcome.is_kept(5000), "{outcome}");
    cluster.remove().await
}

/// Prints how long it took, and waits for all replicas.
async fn called_first(cluster: &Installed, base: &str) -> Result<(), Failure> {
    let first = cluster.first_call().await?;
    eprintln!(
        "{base}: first call admitted {:.1} s after apply",
        first.as_secs_f64()
    );
    cluster.rolled_out("guard-system", "guard").await
}

/// The Lease names its pod.
async fn delete_the_leader(cluster: &Installed) -> Result<(), Failure> {
    let holder = [
        "-n",
        "guard-system",
        "get",
        "lease",
        "guard-webhook-certs",
        "-o",
        "jsonpath={.spec.holderIdentity}",
    ];
    let holder = cluster.node.kubectl(&holder).await?;
    let pods = [
        "-n",
        "guard-system",
        "get",
        "pods",
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ];
    let pods = cluster.node.kubectl(&pods).await?;
    let leader = pods.split_whitespace().find(|pod| holder.starts_with(pod));
    let leader = leader.ok_or_else(|| format!("{holder:?} is none of {pods}"))?;
    cluster
        .node
        .kubectl(&["-n", "guard-system", "delete", "pod", leader])
        .await?;
    Ok(())
}
