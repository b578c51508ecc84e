//! Each base under another namespace, with other names and images: a program works that has the variables of the pod and the
//! rights of its account, and nothing else.

use std::fs;

use certgen::{Bundle, Chain, parse_bundle, verify_chain};
use kube::Client;
use kube_adapter::local_time;
use scenarios::{ControlPlane, Failure, apply, kustomize, secret_entry, until};
use serde_json::{Value, json};
use tempfile::TempDir;
use webhook_inject::{Asked, Selector, TargetKind, deadlocks};

use super::{BASES, documents, pod::Pod, relative, web};

/// What a kustomization of a user says.
struct Renaming {
    namespace: &'static str,
    prefix: &'static str,
    suffix: &'static str,
}

const RENAMINGS: [Renaming; 3] = [
    Renaming {
        namespace: "team-a",
        prefix: "",
        suffix: "",
    },
    Renaming {
        namespace: "team-b",
        prefix: "b-",
        suffix: "",
    },
    Renaming {
        namespace: "team-c",
        prefix: "",
        suffix: "-c",
    },
];
const REGISTRY: &str = "registry.example.com";

#[tokio::test]
async fn every_base_works_under_other_names_with_its_own_rights_alone() -> Result<(), Failure> {
    let control_plane = ControlPlane::start(1).await?;
    for base in BASES {
        for renaming in &RENAMINGS {
            let renamed = Renamed::of(base, renaming)?;
            let worked = renamed.works(&control_plane).await;
            worked.map_err(|error| format!("{base} in {}: {error}", renaming.namespace))?;
        }
    }
    Ok(())
}

/// The rights alone are for a program whose flags say the names.
#[tokio::test]
async fn the_rights_alone_serve_under_other_names() -> Result<(), Failure> {
    let control_plane = ControlPlane::start(1).await?;
    let mut renamed = Renamed::of("rights", &RENAMINGS[1])?;
    let namespace = renamed.namespace;
    let service = json!({ "namespace": namespace, "name": "b-guard" });
    let own = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
    renamed.objects.insert(0, own);
    renamed
        .objects
        .push(web::configuration("guard.example.com", &service));
    let variables = [
        ("WEBHOOK_CERTS_NAMESPACE", namespace),
        ("WEBHOOK_CERTS_SERVICE", "b-guard"),
        ("WEBHOOK_CERTS_VALIDATING", "guard.example.com"),
    ];
    let pod = Pod {
        account: "b-guard".to_owned(),
        program: "webhook-certs".to_owned(),
        arguments: vec!["run".to_owned()],
        variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    };
    let admin = control_plane.client(0).await?;
    renamed.apply(&admin).await?;
    renamed.is_kept_by(&pod, &control_plane, &admin).await
}

/// What kustomize makes of a base.
struct Renamed {
    namespace: &'static str,
    objects: Vec<Value>,
}

impl Renamed {
    fn of(base: &str, renaming: &Renaming) -> Result<Self, Failure> {
        let folder = TempDir::new()?;
        let image = |name: &str| {
            let (old, new) = (format!("localhost/{name}"), format!("{REGISTRY}/{name}"));
            json!({ "name": old, "newName": new, "newTag": "7" })
        };
        let images = ["webhook-certs", "certwatcher", "etcd-operator"].map(image);
        let kustomization = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [relative(folder.path(), base)?],
            "namespace": renaming.namespace,
            "namePrefix": renaming.prefix,
            "nameSuffix": renaming.suffix,
            "images": images,
        });
        let file = folder.path().join("kustomization.yaml");
        fs::write(file, kustomization.to_string())?;
        Ok(Self {
            namespace: renaming.namespace,
            objects: documents(&kustomize(folder.path())?)?,
        })
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let objects = self.objects.iter();
        objects.filter(move |object| object["kind"] == kind)
    }

    /// With the Deployment of each.
    fn containers(&self) -> Vec<(&Value, &Value)> {
        let mut containers = Vec::new();
        for deployment in self.of_kind("Deployment") {
            let spec = &deployment["spec"]["template"]["spec"];
            for kind in ["initContainers", "containers"] {
                let all = spec[kind].as_array().into_iter().flatten();
                containers.extend(all.map(|container| (deployment, container)));
            }
        }
        containers
    }

    /// Everything is in the one namespace and of the one registry, and the program in the pod keeps every bundle.
    async fn works(&self, control_plane: &ControlPlane) -> Result<(), Failure> {
        for object in &self.objects {
            let found = &object["metadata"]["namespace"];
            assert!(found.is_null() || found == self.namespace, "{object}");
        }
        let mut ours = Vec::new();
        for (deployment, container) in self.containers() {
            let image = container["image"].as_str().unwrap_or_default();
            let of_registry = image.starts_with(REGISTRY) && image.ends_with(":7");
            assert!(of_registry, "{image}");
            if !image.contains("certwatcher") {
                ours.push(Pod::of(deployment, container)?);
            }
        }
        assert_eq!(ours.len(), 1);
        self.blocks_none_of_its_own()?;
        let admin = control_plane.client(0).await?;
        self.apply(&admin).await?;
        self.is_kept_by(&ours[0], control_plane, &admin).await?;
        self.pods_find_what_they_mount(&admin).await
    }

    fn blocks_none_of_its_own(&self) -> Result<(), Failure> {
        for object in &self.objects {
            let Ok(kind) = web::kind(object).parse::<TargetKind>() else {
                continue;
            };
            for client in web::client_configs(object) {
                let service = client["service"]["name"].as_str().ok_or("no Service")?;
                let ours = Selector::of_service(self.namespace, service);
                let mut found = deadlocks(kind, object, &ours);
                found.retain(|one| !matches!(one.asked, Asked::IfLabelled(_)));
                assert!(found.is_empty(), "{found:?}");
            }
        }
        Ok(())
    }

    async fn apply(&self, admin: &Client) -> Result<(), Failure> {
        for object in &self.objects {
            apply(admin, &object.to_string()).await?;
        }
        Ok(())
    }

    async fn is_kept_by(
        &self,
        pod: &Pod,
        control_plane: &ControlPlane,
        admin: &Client,
    ) -> Result<(), Failure> {
        let folder = TempDir::new()?;
        let mut program = pod.start(control_plane, self.namespace, folder.path())?;
        let kept = until(
            "every bundle verifies what is served, and a replica leads",
            async || {
                for target in self.objects.iter().filter(|object| web::is_target(object)) {
                    let live = web::stored(admin, target).await?;
                    for client in web::client_configs(&live) {
                        if !self.is_trusted(admin, client).await? {
                            return Ok(false);
                        }
                    }
                }
                for lease in self.of_kind("Lease") {
                    let live = web::stored(admin, lease).await?;
                    if live.pointer("/spec/holderIdentity").is_none() {
                        return Ok(false);
                    }
                }
                Ok(true)
            },
        );
        // A program that has ended will not come to it.
        let kept = tokio::select! {
            kept = kept => kept,
            ended = program.end() => Err(format!("it ended: {ended:?}").into()),
        };
        let log = program.log()?;
        kept.map_err(|error| format!("{error}\n{log}"))?;
        Ok(program.kill()?)
    }

    /// Whether a caller that trusts this bundle believes the certificate of the Service that it calls.
    async fn is_trusted(&self, admin: &Client, client: &Value) -> Result<bool, Failure> {
        let service = &client["service"];
        assert_eq!(service["namespace"], self.namespace);
        let name = service["name"].as_str().unwrap_or_default();
        let mut secrets = self.of_kind("Secret").map(web::name);
        let serving = secrets.find(|name| name.contains("-tls"));
        let serving = (self.namespace, serving.ok_or("no serving Secret")?);
        let (Ok(chain), Some(bundle)) = (
            secret_entry(admin, serving, "tls.crt").await,
            web::bundle(client)?,
        ) else {
            return Ok(false);
        };
        let Ok(bundle) = Bundle::new(parse_bundle(&bundle).anchors) else {
            return Ok(false);
        };
        let host = format!("{name}.{}.svc", self.namespace);
        Ok(verify_chain(&Chain::from_pem(&chain)?, &bundle, &host, local_time()).is_ok())
    }

    async fn pods_find_what_they_mount(&self, admin: &Client) -> Result<(), Failure> {
        for deployment in self.of_kind("Deployment") {
            let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
            let volumes = volumes.as_array().into_iter().flatten();
            for name in volumes.filter_map(|volume| volume["secret"]["secretName"].as_str()) {
                secret_entry(admin, (self.namespace, name), "tls.key").await?;
            }
        }
        Ok(())
    }
}
