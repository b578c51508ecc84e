//! Each right that a base uses, taken away in turn: the log of its pod names it.

use scenarios::{Failure, MissingRight, TARGET, apply, deployed, empty_records, until};

use crate::installed::Installed;

const USER: &str = "system:serviceaccount:guard-system:guard";
/// What the base keeps; the rights on other kinds of target are for those who have them.
const USED: [&str; 4] = [
    "secrets",
    "leases",
    "events",
    "validatingwebhookconfigurations",
];

#[tokio::test]
async fn without_any_one_right_the_log_of_a_pod_names_it() -> Result<(), Failure> {
    let cluster = Installed::start("standalone", &[], "").await?;
    cluster.first_call().await?;
    let manifest = deployed("rbac.yaml")?;
    let mut missing = MissingRight::each(&manifest)?;
    missing.retain(|missing| USED.contains(&missing.resource.as_str()));
    assert_eq!(missing.len(), 10);
    for missing in &missing {
        cluster.begin_anew().await?;
        let names = ["guard-ca", "guard-tls", "guard-webhook-certs", TARGET];
        missing.take_away(&cluster.client, USER, &names).await?;
        cluster.keepers(1).await?;
        let words = missing.words();
        until(&format!("`{words}` in the log"), async || {
            let log = cluster.guard(&["logs", "-l", KEEPER, "--tail=-1"]).await;
            // Until the container runs there is none.
            Ok(log.is_ok_and(|log| log.contains(&words)))
        })
        .await?;
        apply(&cluster.client, &manifest).await?;
    }
    eprintln!("{} rights removed in turn, each named", missing.len());
    cluster.begin_anew().await?;
    cluster.keepers(1).await?;
    cluster.first_call().await?;
    cluster.remove().await
}

const KEEPER: &str = "app=guard-webhook-certs";

impl Installed {
    /// `kubectl` in the namespace of the guard.
    async fn guard(&self, arguments: &[&str]) -> Result<String, Failure> {
        let arguments: Vec<_> = ["-n", "guard-system"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        self.node.kubectl(&arguments).await
    }

    async fn keepers(&self, count: u32) -> Result<(), Failure> {
        let replicas = format!("--replicas={count}");
        let scale = ["scale", "deployment/guard-webhook-certs", &replicas];
        self.guard(&scale).await.map(drop)
    }

    /// Ends all that keep, and empties what they kept: then everything is to be written.
    async fn begin_anew(&self) -> Result<(), Failure> {
        self.keepers(0).await?;
        self.guard(&["wait", "--for=delete", "pod", "-l", KEEPER, "--timeout=60s"])
            .await?;
        empty_records(&self.client).await
    }
}
