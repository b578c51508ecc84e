//! One of the two servers: how it is installed, called and looked at.

use std::{ffi::OsStr, fs, path::Path, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use scenarios::{Failure, Node, call_once, resident, secret_entry};
use tokio::time::{Instant, sleep, timeout};

/// Everything is named after it: image, namespace and configuration.
#[derive(Clone, Copy)]
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    /// The flags of the lifetimes in [`crate::rotations`].
    pub(crate) fast: &'static [&'static str],
    /// Secret and entry that change when another CA begins to sign.
    signs: (&'static str, &'static str),
}

pub(crate) const WEBHOOK_CERTS: Lane = Lane {
    name: "webhook-certs",
    fast: &[
        "--ca-lifetime=9m",
        "--ca-renew-after=3m",
        "--dwell=30s",
        "--leaf-lifetime=4m",
        "--leaf-renew-before=2m",
        "--clock-allowance=2s",
    ],
    signs: ("guard-ca", "state"),
};

pub(crate) const CERT_CONTROLLER: Lane = Lane {
    name: "cert-controller",
    fast: &[
        "--ca-lifetime=9m",
        "--renew-before=6m",
        "--leaf-lifetime=9m",
        "--check-every=5s",
    ],
    signs: ("guard-tls", "ca.crt"),
};

const LOOK_AGAIN: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(300);

impl Lane {
    /// The namespace whose `ConfigMap`s it checks.
    pub(crate) fn called(self) -> String {
        format!("checked-by-{}", self.name)
    }

    /// By one command; answers how long after it the first call was admitted.
    pub(crate) async fn install(self, node: &Node, flags: &[&str]) -> Result<Duration, Failure> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(self.name)
            .join("deploy.yaml");
        let manifest =
            fs::read_to_string(manifest)?.replace("args: []", &format!("args: {flags:?}"));
        let file = node.folder().join(format!("{}.yaml", self.name));
        fs::write(&file, manifest)?;
        let file = file.display().to_string();
        let applied = Instant::now();
        node.kubectl(&["apply", "-f", &file]).await?;
        let api: Api<ConfigMap> = Api::namespaced(node.client().await?, &self.called());
        // The configuration is there, and so is its policy to fail: who is admitted was called.
        let calling = async {
            while call_once(&api).await.is_err() {
                sleep(LOOK_AGAIN).await;
            }
        };
        let called = timeout(LIMIT, calling).await;
        called.map_err(|_| format!("{}: no call was admitted", self.name))?;
        Ok(applied.elapsed())
    }

    pub(crate) async fn rolled_out(self, node: &Node) -> Result<(), Failure> {
        let status = [
            "-n",
            self.name,
            "rollout",
            "status",
            "deployment/guard",
            "--timeout=180s",
        ];
        node.kubectl(&status).await.map(drop)
    }

    pub(crate) async fn remove(self, node: &Node) -> Result<(), Failure> {
        let file = node.folder().join(format!("{}.yaml", self.name));
        let file = file.display().to_string();
        node.kubectl(&["delete", "-f", &file, "--timeout=180s"])
            .await
            .map(drop)
    }

    /// What is another when another CA signs.
    pub(crate) async fn signer(self, node: &Node) -> Result<Vec<u8>, Failure> {
        let (secret, entry) = self.signs;
        secret_entry(&node.client().await?, (self.name, secret), entry).await
    }

    /// How many requests its replicas have made; a watch is one.
    pub(crate) fn requests(self, node: &Node) -> Result<usize, Failure> {
        let user = format!("system:serviceaccount:{}:guard", self.name);
        let events = node.audit()?.into_iter();
        let asked = events.filter(|event| {
            let is_end_of_watch = event.verb == "watch" && event.stage == "ResponseComplete";
            event.user == user && !is_end_of_watch
        });
        Ok(asked.count())
    }

    /// The resident memory of a replica in bytes, the mean of them.
    pub(crate) fn resident(self) -> Result<u64, Failure> {
        let program = format!("/bench-{}", self.name);
        let mut sizes = Vec::new();
        for process in fs::read_dir("/proc")? {
            let process = process?.path();
            let command = fs::read(process.join("cmdline")).unwrap_or_default();
            if command.split(|byte| *byte == 0).next() == Some(program.as_bytes()) {
                let id = process.file_name().and_then(OsStr::to_str);
                sizes.push(resident(id.unwrap_or_default().parse()?)?);
            }
        }
        let count = u64::try_from(sizes.len())?;
        let sum = sizes.iter().sum::<u64>();
        sum.checked_div(count)
            .ok_or_else(|| format!("no process of {program}").into())
    }
}
