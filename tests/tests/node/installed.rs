//! A base of `deploy/` on a node, and what is asked of it.

use std::{fs, path::Path, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use scenarios::{CALLED, Failure, Node, active_generation, call_once, until};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{PROGRAM, archives};

/// A node with one base installed.
pub(crate) struct Installed {
    pub(crate) node: Node,
    pub(crate) client: Client,
    /// The kustomization that was applied.
    folder: TempDir,
    applied: Instant,
}

/// A change of a base, as its users make one: variables for the container at this place of a Deployment. It says all that
/// it can, too, so that it can be searched for keys.
pub(crate) struct Variables<'a> {
    pub(crate) deployment: &'a str,
    pub(crate) container: &'a str,
    pub(crate) values: &'a [(&'a str, &'a str)],
}

impl Variables<'_> {
    fn patch(&self) -> Value {
        let values = self.values.iter();
        let values = values.map(
            |(name, value)| json!({ "name": format!("WEBHOOK_CERTS_{name}"), "value": value }),
        );
        let path = format!("/spec/template/spec/{}/env/-", self.container);
        let trace = json!({ "name": "RUST_LOG", "value": "trace" });
        let add = values
            .chain([trace])
            .map(|value| json!({ "op": "add", "path": path, "value": value }));
        let add = Value::Array(add.collect());
        json!({
            "target": { "kind": "Deployment", "name": self.deployment },
            "patch": add.to_string(),
        })
    }
}

/// The namespace whose `ConfigMap`s are checked.
fn called() -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {CALLED}\n  labels:\n    guard.example.com/checked: \"true\"\n"
    )
}

/// A folder with a kustomization of that base, the changes, and more objects.
fn kustomization(base: &str, changes: &[Variables<'_>], more: &str) -> Result<TempDir, Failure> {
    let folder = tempfile::tempdir()?;
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .canonicalize()?;
    // kustomize takes relative paths only.
    let depth = folder.path().canonicalize()?.components().count() - 1;
    let base = format!(
        "{}{}/{base}",
        "../".repeat(depth),
        deploy.display().to_string().trim_start_matches('/')
    );
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [base, "more.yaml"],
        "patches": changes.iter().map(Variables::patch).collect::<Vec<_>>(),
    });
    fs::write(
        folder.path().join("kustomization.yaml"),
        kustomization.to_string(),
    )?;
    fs::write(folder.path().join("more.yaml"), more)?;
    Ok(folder)
}

impl Installed {
    /// By one command.
    pub(crate) async fn start(
        base: &str,
        changes: &[Variables<'_>],
        more: &str,
    ) -> Result<Self, Failure> {
        let node = Node::start(Path::new(PROGRAM), &archives()?).await?;
        let client = node.client().await?;
        let folder = kustomization(base, changes, &format!("{}---\n{more}", called()))?;
        let applied = Instant::now();
        let path = folder.path().display().to_string();
        node.kubectl(&["apply", "-k", &path]).await?;
        Ok(Self {
            node,
            client,
            folder,
            applied,
        })
    }

    /// Waits for the first call that is admitted; answers how long after the command.
    pub(crate) async fn first_call(&self) -> Result<Duration, Failure> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), CALLED);
        // The configuration is there, and so is its policy to fail: who is admitted was called.
        until("a call is admitted", async || {
            Ok(call_once(&api).await.is_ok())
        })
        .await?;
        Ok(self.applied.elapsed())
    }

    pub(crate) async fn rolled_out(
        &self,
        namespace: &str,
        deployment: &str,
    ) -> Result<(), Failure> {
        let deployment = format!("deployment/{deployment}");
        let arguments = [
            "-n",
            namespace,
            "rollout",
            "status",
            &deployment,
            "--timeout=180s",
        ];
        self.node.kubectl(&arguments).await.map(drop)
    }

    /// Waits until this many generations have been promoted.
    pub(crate) async fn rotations(
        &self,
        authority: (&str, &str),
        count: u64,
    ) -> Result<(), Failure> {
        let last = active_generation(&self.client, authority).await? + count;
        until("a rotation is complete", async || {
            Ok(active_generation(&self.client, authority).await? >= last)
        })
        .await
    }

    /// By one command, again; and nothing of it is left. Until then no pod has said a key.
    pub(crate) async fn remove(self) -> Result<(), Failure> {
        self.node.no_key_is_said();
        let path = self.folder.path().display().to_string();
        self.node
            .kubectl(&["delete", "-k", &path, "--timeout=180s"])
            .await?;
        let kinds = "namespaces,clusterroles,clusterrolebindings,crds,\
                     validatingwebhookconfigurations,mutatingwebhookconfigurations";
        let left = self.node.kubectl(&["get", kinds, "-o", "name"]).await?;
        for word in ["guard", "etcd-operator", "db.example.com"] {
            assert!(!left.contains(word), "{left}");
        }
        self.node.stop().await
    }
}
