//! A base of `deploy/` on a node, and what is asked of it.

use std::{path::Path, time::Duration};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use scenarios::{CALLED, Failure, Node, apply, call_once};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::{PROGRAM, archives};

const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(300);

/// A node with one base installed.
pub(crate) struct Installed {
    pub(crate) node: Node,
    pub(crate) client: Client,
    base: String,
    applied: Instant,
}

impl Installed {
    /// By one command.
    pub(crate) async fn start(base: &str) -> Result<Self, Failure> {
        let node = Node::start(Path::new(PROGRAM), &archives()?).await?;
        let client = node.client().await?;
        let called = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": CALLED, "labels": { "guard.example.com/checked": "true" } },
        });
        apply(&client, &called.to_string()).await?;
        let base = format!("{}/../deploy/{base}", env!("CARGO_MANIFEST_DIR"));
        let applied = Instant::now();
        node.kubectl(&["apply", "-k", &base]).await?;
        Ok(Self {
            node,
            client,
            base,
            applied,
        })
    }

    /// Waits for the first call that is admitted; answers how long after the command.
    pub(crate) async fn first_call(&self) -> Result<Duration, Failure> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), CALLED);
        // The configuration is there, and so is its policy to fail: who is admitted was called.
        self.until("a call is admitted", async || {
            Ok(call_once(&api).await.is_ok())
        })
        .await?;
        Ok(self.applied.elapsed())
    }

    /// Lives in fast motion from now on: variables for the container at this place of a Deployment.
    pub(crate) async fn set(
        &self,
        deployment: &str,
        container: &str,
        variables: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let variables: Vec<Value> = variables
            .iter()
            .map(|(name, value)| json!({ "name": format!("WEBHOOK_CERTS_{name}"), "value": value }))
            .collect();
        let path = format!("/spec/template/spec/{container}/env");
        let patch = json!([{ "op": "add", "path": path, "value": variables }]).to_string();
        let arguments = [
            "-n",
            "guard-system",
            "patch",
            "deployment",
            deployment,
            "--type=json",
            "-p",
            &patch,
        ];
        self.node.kubectl(&arguments).await?;
        self.rolled_out("guard-system", deployment).await
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

    /// The generation that signs.
    pub(crate) async fn generation(&self, namespace: &str, secret: &str) -> Result<u64, Failure> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let data = secrets.get(secret).await?.data.unwrap_or_default();
        let state = data.get("state").ok_or("no state")?;
        let state: Value = serde_json::from_slice(&state.0)?;
        let active = state.get("active").and_then(Value::as_u64);
        active.ok_or_else(|| "no generation".into())
    }

    /// Waits until this many generations have been promoted.
    pub(crate) async fn rotations(
        &self,
        (namespace, secret): (&str, &str),
        count: u64,
    ) -> Result<(), Failure> {
        let until = self.generation(namespace, secret).await? + count;
        self.until("a rotation is complete", async || {
            Ok(self.generation(namespace, secret).await? >= until)
        })
        .await
    }

    pub(crate) async fn until(
        &self,
        what: &str,
        is_so: impl AsyncFn() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let looking = async {
            while !is_so().await? {
                sleep(LOOK_AGAIN).await;
            }
            Ok(())
        };
        let looked = timeout(LIMIT, looking).await;
        looked.unwrap_or_else(|_| Err(format!("not within {LIMIT:?}: {what}").into()))
    }

    /// By one command, again; and nothing of it is left.
    pub(crate) async fn remove(self) -> Result<(), Failure> {
        self.node
            .kubectl(&["delete", "-k", &self.base, "--timeout=180s"])
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
