//! The example operator on a real control plane, with the rights of its own manifests: what a user of it sees.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "etcd_operator/ownership.rs"]
mod ownership;
#[path = "etcd_operator/rights.rs"]
mod rights;

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Service};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use scenarios::{
    ControlPlane, ControlPlaneError, Failure, Program, Version, WebhookService, apply,
    converted_through_rotations, fast_flags, secret_entry, until,
};
use serde_json::{Value, json};

const NAMESPACE: &str = "etcd-operator-system";
/// The two webhook configurations have one name.
const CONFIGURATION: &str = "etcd-operator";
const DEFINITION: &str = "etcds.db.example.com";
const USER: &str = "system:serviceaccount:etcd-operator-system:etcd-operator";
const KUBECONFIG: &str = "operator.kubeconfig";

#[tokio::test]
async fn etcds_are_defaulted_validated_converted_and_made_through_rotations() -> Result<(), Failure>
{
    let mut cluster = Cluster::start(Version::Newest, &fast_flags()).await?;
    // In the first two seconds of a definition a create waits for other API servers, and fails if the bundle is injected
    // meanwhile.
    cluster.is_admitted("first").await?;
    cluster.defaults().await?;
    cluster.refusals().await?;
    cluster.both_versions().await?;
    cluster.children().await?;
    cluster.conversion_through_rotations().await
}

/// As with cert-manager: a mounted folder, and bundles that somebody else injects.
#[tokio::test]
async fn certificates_of_somebody_else_are_served_and_replaced() -> Result<(), Failure> {
    let certs = tempfile::tempdir()?;
    let first = somebodys_certificate(certs.path())?;
    let flags = [
        "--disable-cert-rotation".to_owned(),
        format!("--cert-dir={}", certs.path().display()),
    ];
    let cluster = Cluster::start(Version::Oldest, &flags).await?;
    cluster.inject(&first).await?;
    cluster.is_admitted("first").await?;

    let second = somebodys_certificate(certs.path())?;
    cluster.inject(&second).await?;
    cluster.is_admitted("second").await?;
    let log = cluster.operator.log()?;
    assert!(!log.contains("authority created"), "{log}");
    let mine = secret_entry(&cluster.admin, (NAMESPACE, "etcd-operator-tls"), "tls.crt").await;
    assert!(mine.is_err(), "nothing is kept");
    Ok(())
}

/// A certificate that is its own anchor, and its key, as `tls.crt` and `tls.key`.
fn somebodys_certificate(folder: &Path) -> Result<String, Failure> {
    let names = ["etcd-operator.etcd-operator-system.svc".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    fs::write(folder.join("tls.key"), made.signing_key.serialize_pem())?;
    fs::write(folder.join("tls.crt"), made.cert.pem())?;
    Ok(made.cert.pem())
}

struct Cluster {
    // Ends before what it runs on.
    operator: Program,
    admin: Client,
    listen: String,
    flags: Vec<String>,
    control_plane: ControlPlane,
}

impl Cluster {
    async fn start(version: Version, flags: &[String]) -> Result<Self, Failure> {
        let control_plane = ControlPlane::start_of(version, 1).await?;
        let admin = control_plane.client(0).await?;
        let service =
            WebhookService::create(&control_plane, &admin, NAMESPACE, "etcd-operator", 0).await?;
        for file in ["crd.yaml", "rbac.yaml", "premade.yaml", "webhooks.yaml"] {
            apply(&admin, &manifest(file)?).await?;
        }
        let shop =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } });
        apply(&admin, &shop.to_string()).await?;

        let listen = format!("--listen={}", service.address);
        control_plane.kubeconfig_for(USER, &control_plane.programs().join(KUBECONFIG))?;
        let mut operator = run(&control_plane, "operator", &listen, flags)?;
        operator.says(" ready").await?;
        Ok(Self {
            operator,
            admin,
            listen,
            flags: flags.to_vec(),
            control_plane,
        })
    }

    /// Puts a bundle where callers look.
    async fn inject(&self, bundle: &str) -> Result<(), Failure> {
        for (group, kind, name, place) in [
            (
                "admissionregistration.k8s.io",
                "MutatingWebhookConfiguration",
                CONFIGURATION,
                "/webhooks/0",
            ),
            (
                "admissionregistration.k8s.io",
                "ValidatingWebhookConfiguration",
                CONFIGURATION,
                "/webhooks/0",
            ),
            (
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                DEFINITION,
                "/spec/conversion/webhook",
            ),
        ] {
            let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
            let api: Api<DynamicObject> = Api::all_with(self.admin.clone(), &kind);
            let place = format!("{place}/clientConfig/caBundle");
            let add = json!([{ "op": "add", "path": place, "value": BASE64.encode(bundle) }]);
            let patch: json_patch::Patch = serde_json::from_value(add)?;
            api.patch(name, &PatchParams::default(), &Patch::Json::<()>(patch))
                .await?;
        }
        Ok(())
    }

    /// Waits until the API server calls it and believes it.
    async fn is_admitted(&self, name: &str) -> Result<(), Failure> {
        until(&format!("{name} is admitted"), async || {
            Ok(self.create("v1", name, &json!({})).await.is_ok())
        })
        .await
    }

    fn etcds(&self, version: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("db.example.com", version, "Etcd");
        Api::namespaced_with(self.admin.clone(), "shop", &ApiResource::from_gvk(&kind))
    }

    async fn create(&self, version: &str, name: &str, spec: &Value) -> Result<Value, kube::Error> {
        let object = json!({
            "apiVersion": format!("db.example.com/{version}"),
            "kind": "Etcd",
            "metadata": { "name": name },
            "spec": spec,
        });
        let object = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
        let etcds = self.etcds(version);
        let stored = etcds.create(&PostParams::default(), &object).await?;
        Ok(stored.data)
    }

    async fn defaults(&self) -> Result<(), Failure> {
        let stored = self.create("v1", "plain", &json!({})).await?;
        assert_eq!(stored["spec"], json!({ "size": 3, "version": "3.6.5" }));
        let spec = json!({ "replicas": 1, "storageClass": "fast" });
        let stored = self.create("v1alpha1", "old", &spec).await?;
        let filled = json!({
            "replicas": 1, "version": "3.6.5", "storageSize": "1Gi", "storageClass": "fast",
        });
        assert_eq!(stored["spec"], filled);
        Ok(())
    }

    async fn refusals(&self) -> Result<(), Failure> {
        for (spec, sentence) in [
            (json!({ "size": 4 }), "give 3 or 5"),
            (json!({ "size": 9 }), "give 1, 3, 5 or 7"),
            (json!({ "size": "three" }), "invalid type: string \"three\""),
            (
                json!({ "version": "latest" }),
                "is not a version; give one such as",
            ),
            (
                json!({ "storage": { "size": "much" } }),
                "is not a size; give one such as",
            ),
        ] {
            let refused = self.create("v1", "wrong", &spec).await.unwrap_err();
            assert!(refused.to_string().contains(sentence), "{spec}: {refused}");
        }
        let spec = json!({ "version": "3.5.21", "storage": { "size": "2Gi" } });
        self.create("v1", "kept", &spec).await?;
        for (version, change, sentence) in [
            ("v1", json!({ "size": 5 }), "more than one member at a time"),
            ("v1", json!({ "version": "3.4.30" }), "does not go back"),
            ("v1", json!({ "version": "3.7.0" }), "go to 3.6.0 first"),
            (
                "v1",
                json!({ "storage": { "size": "1Gi" } }),
                "volumes do not shrink",
            ),
            (
                "v1alpha1",
                json!({ "storageSize": "1Gi" }),
                "volumes do not shrink",
            ),
        ] {
            let patch = Patch::Merge(json!({ "spec": change }));
            let outcome = self
                .etcds(version)
                .patch("kept", &PatchParams::default(), &patch)
                .await;
            let refused = outcome.unwrap_err().to_string();
            assert!(refused.contains(sentence), "{change}: {refused}");
        }
        Ok(())
    }

    async fn both_versions(&self) -> Result<(), Failure> {
        let spec = json!({ "size": 1, "tls": { "secretName": "store-tls" } });
        self.create("v1", "store", &spec).await?;
        let old = self.etcds("v1alpha1");
        let seen = old.get("store").await?;
        assert_eq!(
            seen.data["spec"],
            json!({ "replicas": 1, "version": "3.6.5" })
        );
        // A client of the old version changes what it knows, and loses nothing that it does not.
        let patch = Patch::Merge(json!({ "spec": { "version": "3.6.6" } }));
        old.patch("store", &PatchParams::default(), &patch).await?;
        let new = self.etcds("v1").get("store").await?;
        assert_eq!(
            new.data["spec"],
            json!({ "size": 1, "version": "3.6.6", "tls": { "secretName": "store-tls" } })
        );
        assert!(new.annotations().is_empty(), "{:?}", new.annotations());
        Ok(())
    }

    /// There is no kubelet, so nothing starts; but it is asked for.
    async fn children(&mut self) -> Result<(), Failure> {
        let sets: Api<StatefulSet> = Api::namespaced(self.admin.clone(), "shop");
        let mut status = Value::Null;
        until("the status says Creating", async || {
            status = self.etcds("v1").get("store").await?.data["status"].clone();
            Ok(status["phase"] == "Creating")
        })
        .await?;
        assert_eq!(
            status["conditions"][0]["message"],
            "0 of 1 members are ready"
        );
        let owner = sets.get("store").await?.owner_references()[0].clone();
        let etcd = self.etcds("v1").get("store").await?;
        assert_eq!(Some(owner.uid), etcd.uid());
        self.leaves_alone_what_is_not_its_own().await?;
        // Someone deletes a child: it is made again.
        let before = sets.get("store").await?.uid();
        sets.delete("store", &kube::api::DeleteParams::default())
            .await?;
        until("the StatefulSet is made again", async || {
            let set = sets.get_opt("store").await?;
            Ok(set.is_some_and(|set| set.uid() != before))
        })
        .await?;
        let log = self.operator.log()?;
        assert!(!log.contains("forbidden"), "{log}");
        Ok(())
    }

    async fn leaves_alone_what_is_not_its_own(&mut self) -> Result<(), Failure> {
        let services: Api<Service> = Api::namespaced(self.admin.clone(), "shop");
        let theirs = json!({
            "metadata": { "name": "taken-client" },
            "spec": { "selector": { "app": "theirs" }, "ports": [{ "port": 80 }] },
        });
        let theirs = serde_json::from_value(theirs)?;
        let theirs = services.create(&PostParams::default(), &theirs).await?;
        self.create("v1", "taken", &json!({ "size": 1 })).await?;
        let taken = "Service taken-client belongs to another owner";
        self.operator.says(taken).await?;
        let now = services.get("taken-client").await?;
        assert_eq!(
            (now.spec, now.metadata.owner_references),
            (theirs.spec, None)
        );
        Ok(())
    }

    async fn conversion_through_rotations(&self) -> Result<(), Failure> {
        let authority = (NAMESPACE, "etcd-operator-ca");
        let (writes, seen) =
            converted_through_rotations(&self.admin, ("shop", "store"), authority, 2).await?;
        assert!(writes > 100 && seen + 1 >= writes / 2, "{writes} {seen}");
        Ok(())
    }
}

/// The operator, with a log of that name.
fn run(
    control_plane: &ControlPlane,
    name: &str,
    listen: &str,
    flags: &[String],
) -> Result<Program, ControlPlaneError> {
    let folder = control_plane.programs();
    let kubeconfig = folder.join(KUBECONFIG).display().to_string();
    let words = ["etcd-operator", "run", listen].into_iter();
    let words: Vec<&str> = words.chain(flags.iter().map(String::as_str)).collect();
    Program::start_with(name, &words, &[("KUBECONFIG", &kubeconfig)], &folder)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/etcd-operator")
}

/// As deployed, but for the port: 443 needs a privilege here.
fn manifest(file: &str) -> Result<String, Failure> {
    let mut text = fs::read_to_string(folder().join("deploy").join(file))?;
    for indent in ["      ", "          "] {
        let path = format!("\n{indent}path: /");
        let port = format!("\n{indent}port: {}{path}", WebhookService::PORT);
        text = text.replace(&path, &port);
    }
    Ok(text)
}
