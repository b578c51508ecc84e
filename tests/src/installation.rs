//! A cluster with the Service `guard` in `guard-system`, and the rights of `deploy/`, for a scenario.

use std::{
    error::Error,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    ControlPlane, FaultProxy, Program, RoundRobin, WebhookService, active_generation, apply,
    call_once, fast_flags, secret_entry,
};

mod clocks;

/// What a scenario stops on.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The validating and the mutating configuration, by their name.
pub const TARGET: &str = "guard.example.com";
/// The custom resource definition.
pub const CRD: &str = "etcds.db.example.com";
/// The aggregated API.
pub const APISERVICE: &str = "v1.metrics.example.com";
/// The namespace whose `ConfigMap`s are admitted by the webhook.
pub const CALLED: &str = "called";

const KEEPER: &str = "system:serviceaccount:guard-system:guard";
const SERVER: &str = "system:serviceaccount:guard-system:guard-server";
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(120);

/// Rights by name, and the objects that they are for.
pub const PREMADE: &[&str] = &["rbac.yaml", "rbac-follow.yaml", "premade.yaml"];
/// Rights by name, and the right to create.
pub const CREATING: &[&str] = &["rbac.yaml", "rbac-follow.yaml", "rbac-create.yaml"];

/// What a server does besides serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "scenarios choose one of them")]
pub enum Mode {
    /// Keeps the certificates, in fast motion.
    Keep,
    /// Keeps the certificates, with standard lifetimes.
    KeepSteadily,
    /// Nothing: another process keeps the certificates.
    ServeOnly,
}

impl Mode {
    /// As the server is told on its command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::KeepSteadily => "keep-steadily",
            Self::ServeOnly => "serve-only",
        }
    }
}

/// A control plane and what is installed on it.
pub struct Installation {
    /// Ends with this.
    pub control_plane: ControlPlane,
    /// A client that may do everything.
    pub admin: Client,
    /// The Service.
    pub service: WebhookService,
    folder: PathBuf,
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installation").finish_non_exhaustive()
    }
}

impl Installation {
    /// Starts `apiservers` API servers and applies these files of `deploy/rights/`.
    ///
    /// # Errors
    ///
    /// Whatever does not start or is not applied.
    pub async fn new(apiservers: usize, manifests: &[&str]) -> Result<Self, Failure> {
        let control_plane = ControlPlane::start(apiservers).await?;
        let admin = control_plane.client(0).await?;
        let service =
            WebhookService::create(&control_plane, &admin, "guard-system", "guard", 0).await?;
        for manifest in manifests {
            apply(&admin, &deployed(manifest)?).await?;
        }
        let called = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CALLED}});
        apply(&admin, &called.to_string()).await?;
        let folder = control_plane.programs();
        control_plane.kubeconfig_for(KEEPER, &folder.join("keeper"))?;
        control_plane.kubeconfig_for(SERVER, &folder.join("server"))?;
        Ok(Self {
            control_plane,
            admin,
            service,
            folder,
        })
    }

    /// Where logs and files of the scenario are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The kubeconfig of who keeps the certificates.
    pub fn keeper_kubeconfig(&self) -> PathBuf {
        self.folder().join("keeper")
    }

    /// The kubeconfig of who may read the serving Secret.
    pub fn server_kubeconfig(&self) -> PathBuf {
        self.folder().join("server")
    }

    /// Proxy `index` (0 to 9) between whoever keeps the certificates and API server 0.
    ///
    /// # Errors
    ///
    /// Its address is taken.
    pub async fn proxy(&self, index: u8) -> Result<FaultProxy, Failure> {
        let ip = self.control_plane.cluster_ip(90 + index);
        let address = SocketAddr::from((ip, WebhookService::PORT));
        let upstream = self.control_plane.client_as(KEEPER, 0).await?;
        Ok(FaultProxy::start(address, upstream).await?)
    }

    /// Starts `webhook-certs run` with these flags, behind a proxy.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn run_behind(
        &self,
        proxy: &FaultProxy,
        name: &str,
        flags: &[impl AsRef<str>],
    ) -> Result<Program, Failure> {
        let kubeconfig = self.folder().join(format!("{name}.kubeconfig"));
        proxy.kubeconfig(&kubeconfig)?;
        self.run_by(&kubeconfig, name, flags)
    }

    /// Starts `webhook-certs run` with these flags.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn run(&self, name: &str, flags: &[impl AsRef<str>]) -> Result<Program, Failure> {
        self.run_by(&self.keeper_kubeconfig(), name, flags)
    }

    /// Starts `webhook-certs run` with these flags, by a kubeconfig.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn run_by(
        &self,
        kubeconfig: &Path,
        name: &str,
        flags: &[impl AsRef<str>],
    ) -> Result<Program, Failure> {
        let arguments = run_arguments(kubeconfig, flags);
        Ok(Program::start(
            name,
            "webhook-certs",
            &arguments,
            self.folder(),
        )?)
    }

    /// The same in fast motion.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn run_fast(&self, name: &str, flags: &[&str]) -> Result<Program, Failure> {
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        let all: Vec<String> = fast_flags().into_iter().chain(flags).collect();
        self.run(name, &all)
    }

    /// Starts replica `index` of the server that has the library in it.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn replica(&self, index: u16, mode: Mode) -> Result<Program, Failure> {
        let kubeconfig = match mode {
            Mode::ServeOnly => self.server_kubeconfig(),
            Mode::Keep | Mode::KeepSteadily => self.keeper_kubeconfig(),
        };
        let arguments = self.replica_arguments(index, mode, &kubeconfig);
        let name = format!("replica-{index}");
        Ok(Program::start(&name, "guard", &arguments, self.folder())?)
    }

    fn replica_arguments(&self, index: u16, mode: Mode, kubeconfig: &Path) -> [String; 3] {
        [
            kubeconfig.display().to_string(),
            self.replica_address(index).to_string(),
            mode.as_str().to_owned(),
        ]
    }

    /// Lets calls of the Service arrive at the first `count` replicas in turn.
    ///
    /// # Errors
    ///
    /// The cluster IP is taken.
    pub async fn balance(&self, count: u16) -> Result<RoundRobin, Failure> {
        let replicas = (0..count)
            .map(|index| self.replica_address(index))
            .collect();
        Ok(RoundRobin::start(self.service.address, replicas).await?)
    }

    /// Where replica `index` listens.
    pub fn replica_address(&self, index: u16) -> SocketAddr {
        (*self.service.address.ip(), 9000 + index).into()
    }

    /// Creates the validating configuration [`TARGET`] without a bundle, and waits until it refuses calls.
    ///
    /// # Errors
    ///
    /// The API server does not take it, or two minutes passed and calls do not fail.
    pub async fn validating(&self) -> Result<(), Failure> {
        let object = self.configuration("ValidatingWebhookConfiguration", TARGET, CALLED);
        apply(&self.admin, &object.to_string()).await?;
        let api: Api<ConfigMap> = Api::namespaced(self.admin.clone(), CALLED);
        let trying = async {
            while call_once(&api).await.is_ok() {
                sleep(LOOK_AGAIN).await;
            }
        };
        let refused = timeout(LIMIT, trying).await;
        refused.map_err(|_| "calls are admitted though there is no bundle".into())
    }

    /// A configuration of one entry that calls the Service for `ConfigMap`s of `namespace`, without a bundle.
    pub fn configuration(&self, kind: &str, name: &str, namespace: &str) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": { "name": name },
            "webhooks": [{
                "name": name,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
                "rules": [{
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["configmaps"],
                }],
                "clientConfig": { "service": {
                    "namespace": self.service.namespace,
                    "name": self.service.name,
                    "port": WebhookService::PORT,
                    "path": "/admit",
                } },
            }],
        })
    }

    /// Waits until a call in `namespace` is admitted by API server `index`.
    ///
    /// # Errors
    ///
    /// Two minutes passed; says why the last call was not admitted.
    pub async fn admitted(&self, namespace: &str, index: usize) -> Result<(), Failure> {
        let client = self.control_plane.client(index).await?;
        let api: Api<ConfigMap> = Api::namespaced(client, namespace);
        let mut last = String::new();
        let trying = async {
            while let Err(error) = call_once(&api).await {
                last = error.to_string();
                sleep(LOOK_AGAIN).await;
            }
        };
        let admitted = timeout(LIMIT, trying).await;
        admitted.map_err(|_| format!("no call is admitted: {last}").into())
    }

    /// The generation that signs, as the authority Secret says.
    ///
    /// # Errors
    ///
    /// There is no such Secret, or it says nothing.
    pub async fn active_generation(&self) -> Result<u64, Failure> {
        active_generation(&self.admin, ("guard-system", "guard-ca")).await
    }

    /// The `caBundle` of the first entry of a webhook configuration, as PEM.
    ///
    /// # Errors
    ///
    /// There is none.
    pub async fn bundle(&self, kind: &str, name: &str) -> Result<String, Failure> {
        let object = self.configurations(kind).get(name).await?;
        let bundle = object.data.pointer("/webhooks/0/clientConfig/caBundle");
        let bundle = bundle.and_then(Value::as_str).unwrap_or_default();
        Ok(String::from_utf8(STANDARD.decode(bundle)?)?)
    }

    /// Takes the bundle away from the first entry of a validating configuration.
    ///
    /// # Errors
    ///
    /// There is none.
    pub async fn spoil(&self, name: &str) -> Result<(), Failure> {
        let patch = json!([{ "op": "remove", "path": "/webhooks/0/clientConfig/caBundle" }]);
        let patch: Patch<()> = Patch::Json(serde_json::from_value(patch)?);
        let api = self.configurations("ValidatingWebhookConfiguration");
        api.patch(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// The webhook configurations of a kind.
    pub fn configurations(&self, kind: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
        Api::all_with(self.admin.clone(), &ApiResource::from_gvk(&kind))
    }

    /// An entry of a Secret.
    ///
    /// # Errors
    ///
    /// There is none.
    pub async fn entry(&self, secret: &str, entry: &str) -> Result<Vec<u8>, Failure> {
        secret_entry(&self.admin, ("guard-system", secret), entry).await
    }

    /// Watches until so many rotations are complete; returns how many leaves were served meanwhile.
    ///
    /// # Errors
    ///
    /// The Secrets cannot be read, or half a minute per rotation passes.
    pub async fn rotations(&self, count: u64) -> Result<u64, Failure> {
        let until = self.active_generation().await? + count;
        let limit = LIMIT * u32::try_from(count)? / 4;
        let watching = async {
            let (mut leaves, mut last) = (0, self.entry("guard-tls", "tls.crt").await?);
            while self.active_generation().await? < until {
                sleep(LOOK_AGAIN).await;
                let now = self.entry("guard-tls", "tls.crt").await?;
                leaves += u64::from(now != last);
                last = now;
            }
            Ok(leaves)
        };
        timeout(limit, watching)
            .await
            .unwrap_or_else(|_| Err(format!("no {count} rotations within {limit:?}").into()))
    }
}

fn run_arguments(kubeconfig: &Path, flags: &[impl AsRef<str>]) -> Vec<String> {
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let first = [
        "run",
        "--namespace=guard-system",
        "--service=guard",
        &kubeconfig,
    ];
    let first = first.into_iter().map(str::to_owned);
    first
        .chain(flags.iter().map(|flag| flag.as_ref().to_owned()))
        .collect()
}

/// A file of `deploy/rights/`.
///
/// # Errors
///
/// There is no such file.
pub fn deployed(name: &str) -> std::io::Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rights");
    std::fs::read_to_string(folder.join(name))
}
