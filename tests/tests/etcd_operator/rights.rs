//! Each right of the operator is needed: without it, its log names it.

#![expect(clippy::print_stderr, reason = "figures")]

use scenarios::{Failure, MissingRight, Version, apply, empty_secrets};
use serde_json::json;

use crate::{CONFIGURATION, Cluster, DEFINITION, NAMESPACE, USER, manifest, run};

/// All that the manifest gives.
const RIGHTS: usize = 33;
const SECRETS: [&str; 2] = ["etcd-operator-ca", "etcd-operator-tls"];
const NAMES: [&str; 5] = [
    SECRETS[0],
    SECRETS[1],
    CONFIGURATION,
    DEFINITION,
    "of-any-name",
];

#[tokio::test]
async fn without_any_one_right_the_log_of_the_operator_names_it() -> Result<(), Failure> {
    let mut cluster = Cluster::start(Version::Newest, &[]).await?;
    cluster.is_admitted("first").await?;
    let mut all = MissingRight::each(&manifest("rbac.yaml")?)?;
    assert_eq!(all.len(), RIGHTS);
    // Those for the certificates last: without them nothing is admitted.
    all.sort_by_key(is_for_certificates);
    let one_in = MissingRight::one_in();
    let mut silent = Vec::new();
    for (number, missing) in all.iter().enumerate().step_by(one_in) {
        if !cluster.names(missing, number).await? {
            silent.push(words(missing));
        }
    }
    let count = all.len();
    eprintln!(
        "one in {one_in} of {count} rights of the operator removed in turn; not named: {silent:?}"
    );
    assert!(silent.is_empty(), "{silent:#?}");
    Ok(())
}

fn is_for_certificates(missing: &MissingRight) -> bool {
    [
        "secrets",
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "customresourcedefinitions",
    ]
    .contains(&missing.resource.as_str())
}

/// What the log must say. Of the operator's own work it repeats what the API server said.
fn words(missing: &MissingRight) -> String {
    if is_for_certificates(missing) {
        missing.words()
    } else {
        format!("cannot {} resource \"{}\"", missing.verb, missing.resource)
    }
}

impl Cluster {
    /// Whether the log of an operator without the right does.
    async fn names(&mut self, missing: &MissingRight, number: usize) -> Result<bool, Failure> {
        missing.take_away(&self.admin, USER, &NAMES).await?;
        if is_for_certificates(missing) {
            empty_secrets(&self.admin, NAMESPACE, &SECRETS).await?;
        }
        let name = format!("case-{number}");
        // The one before ends first: both listen at one address.
        self.operator.kill()?;
        self.operator = run(&self.control_plane, &name, &self.listen, &self.flags)?;
        if !is_for_certificates(missing) {
            self.work(&name).await?;
        }
        let words = words(missing);
        let is_named = self.operator.says(&words).await.is_ok();
        if !is_named {
            eprintln!("no `{words}` in\n{}", self.operator.log()?);
        }
        apply(&self.admin, &manifest("rbac.yaml")?).await?;
        Ok(is_named)
    }

    /// An Etcd to be made, and one that cannot be and is told of again and again.
    async fn work(&self, name: &str) -> Result<(), Failure> {
        let theirs = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": format!("{name}-taken-client"), "namespace": "shop" },
            "spec": { "selector": { "app": "theirs" }, "ports": [{ "port": 80 }] },
        });
        apply(&self.admin, &theirs.to_string()).await?;
        self.is_admitted(name).await?;
        self.is_admitted(&format!("{name}-taken")).await
    }
}
