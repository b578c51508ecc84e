//! Each right of the operator is needed: without it, its log names it.

#![expect(clippy::print_stderr, reason = "figures")]

use k8s_openapi::api::core::v1::Secret;
use scenarios::MissingRight;

use super::*;

/// All that the manifest gives.
const RIGHTS: usize = 34;
const NAMES: [&str; 4] = [
    "etcd-operator-ca",
    "etcd-operator-tls",
    CONFIGURATION,
    "of-any-name",
];

#[tokio::test]
async fn without_any_one_right_the_log_of_the_operator_names_it() -> Result<(), Failure> {
    let mut cluster = Cluster::start(Version::Newest, &[]).await?;
    cluster.is_admitted("first").await?;
    let mut all = MissingRight::each(&manifest("rbac.yaml")?)?;
    assert_eq!(all.len(), RIGHTS);
    // An API server asks for it with the admission plugin OwnerReferencesPermissionEnforcement alone, as in OpenShift.
    all.retain(|missing| missing.resource != "etcds/finalizers");
    // Those for the certificates last: without them nothing is admitted.
    all.sort_by_key(is_for_certificates);
    let mut silent = Vec::new();
    for (number, missing) in all.iter().enumerate() {
        if !cluster.names(missing, number).await? {
            silent.push(words(missing));
        }
    }
    let count = all.len();
    eprintln!("{count} rights of the operator removed in turn; not named: {silent:?}");
    assert!(silent.is_empty(), "{silent:#?}");
    Ok(())
}

fn is_for_certificates(missing: &MissingRight) -> bool {
    let own = ["db.example.com", "apps", "policy", "events.k8s.io"];
    !own.contains(&missing.group.as_str()) && missing.resource != "services"
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
        apply(&self.admin, &missing.role.to_string()).await?;
        while missing.is_permitted(&self.admin, USER, &NAMES).await? {
            sleep(LOOK_AGAIN).await;
        }
        if is_for_certificates(missing) {
            self.empty_records().await?;
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

    async fn empty_records(&self) -> Result<(), Failure> {
        let secrets: Api<Secret> = Api::namespaced(self.admin.clone(), NAMESPACE);
        for name in ["etcd-operator-ca", "etcd-operator-tls"] {
            let empty = json!([{ "op": "add", "path": "/data", "value": {} }]);
            let empty: json_patch::Patch = serde_json::from_value(empty)?;
            secrets
                .patch(name, &PatchParams::default(), &Patch::Json::<()>(empty))
                .await?;
        }
        Ok(())
    }
}
