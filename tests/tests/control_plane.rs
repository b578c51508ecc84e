//! The rig itself: what the other scenarios take for granted.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod control_plane {
    mod admission;
}

use std::{net::TcpStream, time::Duration};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::{
    Api, Client, Config,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use scenarios::{AuditEvent, ControlPlane, ControlPlaneError, apply};
use tokio::time::timeout;

const GUARD: &str = "system:serviceaccount:guard-system:guard";

const RIGHT_TO_READ: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- {apiGroups: [''], resources: [configmaps], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: guard-reads}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects:
- {kind: ServiceAccount, name: guard, namespace: guard-system}
";

async fn create_namespace(client: &Client, name: &str) {
    let manifest = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}");
    apply(client, &manifest).await.unwrap();
}

#[tokio::test]
async fn a_control_plane_keeps_objects_and_ends_with_its_handle() {
    let control_plane = ControlPlane::start(1).await.unwrap();
    let client = control_plane.client(0).await.unwrap();
    create_namespace(&client, "guard-system").await;

    let kept = Api::<Namespace>::all(client.clone())
        .get("guard-system")
        .await
        .unwrap();
    assert!(kept.metadata.uid.is_some());
    let version = client.apiserver_version().await.unwrap();
    assert!(version.git_version.starts_with("v1."), "{version:?}");
    assert!(control_plane.log(0).unwrap().contains("Serving securely"));
    assert!(matches!(
        control_plane.pause(1),
        Err(ControlPlaneError::NoSuchServer { index: 1 })
    ));

    let address = control_plane
        .url(0)
        .strip_prefix("https://")
        .unwrap()
        .to_owned();
    TcpStream::connect(&address).unwrap();
    drop(control_plane);
    TcpStream::connect(&address).unwrap_err();
}

#[tokio::test]
async fn a_paused_api_server_says_nothing_and_catches_up_when_resumed() {
    let control_plane = ControlPlane::start(2).await.unwrap();
    let (awake, asleep) = (
        control_plane.client(0).await.unwrap(),
        control_plane.client(1).await.unwrap(),
    );
    control_plane.pause(1).unwrap();
    create_namespace(&awake, "meanwhile").await;
    let namespaces = Api::<Namespace>::all(asleep);
    timeout(Duration::from_secs(1), namespaces.get("meanwhile"))
        .await
        .unwrap_err();

    control_plane.resume(1).unwrap();
    namespaces.get("meanwhile").await.unwrap();
}

#[tokio::test]
async fn a_user_may_do_what_is_bound_to_it_and_is_on_record() {
    let control_plane = ControlPlane::start(1).await.unwrap();
    let admin = control_plane.client(0).await.unwrap();
    let guard = control_plane.client_as(GUARD, 0).await.unwrap();
    let config_maps = Api::<ConfigMap>::namespaced(guard.clone(), "default");
    let refusal = config_maps.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&refusal, kube::Error::Api(status) if status.is_forbidden()),
        "{refusal}"
    );

    apply(&admin, RIGHT_TO_READ).await.unwrap();
    // The authorizer learns of the rule by a watch, which has no event for us.
    let allowed = async {
        while config_maps.list(&ListParams::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), allowed).await.unwrap();
    Api::<Secret>::namespaced(guard, "default")
        .list(&ListParams::default())
        .await
        .unwrap_err();

    let record = control_plane.audit(0).unwrap();
    assert!(record.iter().all(|event| event.user == GUARD), "{record:?}");
    let statuses = |resource: &str| -> Vec<u16> {
        let of = record.iter().filter(|event| event.resource == resource);
        of.map(|event| event.status).collect()
    };
    assert_eq!(statuses("configmaps").first(), Some(&403));
    assert_eq!(statuses("configmaps").last(), Some(&200));
    assert_eq!(statuses("secrets"), [403]);
    assert!(!record.iter().any(AuditEvent::is_write));
}

#[tokio::test]
async fn a_kubeconfig_names_every_api_server() {
    let control_plane = ControlPlane::start(2).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    control_plane.admin_kubeconfig(&path).unwrap();
    for index in 0..2 {
        let options = KubeConfigOptions {
            context: Some(format!("apiserver-{index}")),
            ..KubeConfigOptions::default()
        };
        let kubeconfig = Kubeconfig::read_from(&path).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .unwrap();
        assert_eq!(
            config.cluster_url.to_string().trim_end_matches('/'),
            control_plane.url(index)
        );
        Client::try_from(config)
            .unwrap()
            .apiserver_version()
            .await
            .unwrap();
    }
}
