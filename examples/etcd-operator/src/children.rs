//! The objects of an `Etcd`: two Services, a `StatefulSet` and a `PodDisruptionBudget`.

use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{Container, Service},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{api::v1::Etcd, defaults};

const CLIENTS: u16 = 2379;
const PEERS: u16 = 2380;
/// The port of health and metrics, without TLS.
const HEALTH: u16 = 2381;
/// Not root; the volume belongs to this user's group.
const USER: i64 = 65532;

/// Settings of the cluster that all objects share.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// The image of etcd, without a tag.
    pub(crate) image: String,
    pub(crate) cluster_domain: String,
}

/// The objects of one `Etcd`, as they are applied.
#[derive(Debug)]
pub(crate) struct Children {
    pub(crate) peers: Service,
    pub(crate) clients: Service,
    pub(crate) members: StatefulSet,
    pub(crate) disruption: PodDisruptionBudget,
}

/// Why no objects can be made of an `Etcd`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildrenError {
    #[error("it has no namespace or uid: it does not come from an API server")]
    Nameless,
    #[error("an object cannot be written")]
    Malformed(#[from] serde_json::Error),
}

/// Makes all objects of an `Etcd`.
pub(crate) fn children(etcd: &Etcd, around: &Surroundings) -> Result<Children, ChildrenError> {
    let plan = Plan::of(etcd, around)?;
    Ok(Children {
        peers: plan.object(&plan.peers, &plan.for_peers())?,
        clients: plan.object(&format!("{}-client", plan.name), &plan.for_clients())?,
        members: plan.object(&plan.name, &plan.members()?)?,
        disruption: plan.object(&plan.name, &plan.disruption())?,
    })
}

struct Plan<'a> {
    etcd: &'a Etcd,
    around: &'a Surroundings,
    owner: OwnerReference,
    name: String,
    namespace: String,
    token: String,
    peers: String,
    size: u32,
}

impl<'a> Plan<'a> {
    fn of(etcd: &'a Etcd, around: &'a Surroundings) -> Result<Self, ChildrenError> {
        let name = etcd.name_any();
        Ok(Self {
            etcd,
            around,
            owner: etcd
                .controller_owner_ref(&())
                .ok_or(ChildrenError::Nameless)?,
            namespace: etcd.namespace().ok_or(ChildrenError::Nameless)?,
            token: etcd.uid().ok_or(ChildrenError::Nameless)?,
            peers: format!("{name}-peers"),
            size: etcd.spec.size.unwrap_or(defaults::SIZE),
            name,
        })
    }

    fn labels(&self) -> Value {
        json!({ "app.kubernetes.io/name": "etcd", "app.kubernetes.io/instance": self.name })
    }

    fn object<T: DeserializeOwned>(&self, name: &str, spec: &Value) -> Result<T, ChildrenError> {
        let metadata = ObjectMeta {
            name: Some(name.into()),
            namespace: Some(self.namespace.clone()),
            labels: serde_json::from_value(self.labels())?,
            owner_references: Some(vec![self.owner.clone()]),
            ..ObjectMeta::default()
        };
        let object = json!({ "metadata": metadata, "spec": spec });
        Ok(serde_json::from_value(object)?)
    }

    fn for_clients(&self) -> Value {
        json!({ "selector": self.labels(), "ports": [port("client", CLIENTS)] })
    }

    /// The Service of the peers also lists pods that are not ready: members must find each other first.
    fn for_peers(&self) -> Value {
        json!({
            "selector": self.labels(),
            "ports": [port("client", CLIENTS), port("peer", PEERS)],
            "clusterIP": "None",
            "publishNotReadyAddresses": true,
        })
    }

    /// Allows as many members to be missing as a majority permits; and the only one of a single member, or its node
    /// could never be drained.
    fn disruption(&self) -> Value {
        let may_be_missing = (self.size.saturating_sub(1) / 2).max(1);
        json!({ "maxUnavailable": may_be_missing, "selector": { "matchLabels": self.labels() } })
    }

    fn members(&self) -> Result<Value, ChildrenError> {
        let mut volumes = Vec::new();
        let mut templates = Vec::new();
        match &self.etcd.spec.storage {
            Some(storage) => templates.push(json!({
                "metadata": { "name": "data" },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": storage.class_name,
                    "resources": { "requests": {
                        "storage": storage.size.as_deref().unwrap_or(defaults::STORAGE_SIZE),
                    } },
                },
            })),
            None => volumes.push(json!({ "name": "data", "emptyDir": {} })),
        }
        if let Some(tls) = &self.etcd.spec.tls {
            volumes.push(json!({ "name": "tls", "secret": { "secretName": tls.secret_name } }));
        }
        Ok(json!({
            "serviceName": self.peers,
            "replicas": self.size,
            // The first members wait for each other, so start them together.
            "podManagementPolicy": "Parallel",
            "selector": { "matchLabels": self.labels() },
            "template": {
                "metadata": { "labels": self.labels() },
                "spec": {
                    "automountServiceAccountToken": false,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": USER,
                        "fsGroup": USER,
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "containers": [self.container()?],
                    "volumes": volumes,
                },
            },
            "volumeClaimTemplates": templates,
        }))
    }

    fn container(&self) -> Result<Container, ChildrenError> {
        let mut mounts = vec![json!({ "name": "data", "mountPath": "/data" })];
        if self.etcd.spec.tls.is_some() {
            mounts.push(json!({ "name": "tls", "mountPath": "/tls", "readOnly": true }));
        }
        let version = self
            .etcd
            .spec
            .version
            .as_deref()
            .unwrap_or(defaults::VERSION);
        let health = json!({ "path": "/health", "port": HEALTH });
        let container = json!({
            "name": "etcd",
            "image": format!("{}:v{version}", self.around.image),
            "command": ["/usr/local/bin/etcd"],
            "args": self.flags(),
            "env": [
                { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
            ],
            "ports": [
                { "name": "client", "containerPort": CLIENTS },
                { "name": "peer", "containerPort": PEERS },
                { "name": "health", "containerPort": HEALTH },
            ],
            "readinessProbe": { "httpGet": health, "periodSeconds": 2 },
            "resources": { "requests": { "cpu": "50m", "memory": "64Mi" } },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
            "volumeMounts": mounts,
        });
        Ok(serde_json::from_value(container)?)
    }

    /// The flags of etcd. Each member takes its name from its pod, and its address from that and the Service of the
    /// peers.
    fn flags(&self) -> Vec<String> {
        let scheme = if self.etcd.spec.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let of = |pod: &str| {
            let (peers, namespace, domain) =
                (&self.peers, &self.namespace, &self.around.cluster_domain);
            format!("{pod}.{peers}.{namespace}.svc.{domain}")
        };
        let all = (0..self.size).map(|ordinal| {
            let pod = format!("{}-{ordinal}", self.name);
            format!("{pod}=http://{}:{PEERS}", of(&pod))
        });
        let all = all.collect::<Vec<_>>().join(",");
        let own = of("$(POD_NAME)");
        let mut flags = vec![
            "--name=$(POD_NAME)".into(),
            "--data-dir=/data/etcd".into(),
            format!("--listen-peer-urls=http://0.0.0.0:{PEERS}"),
            format!("--initial-advertise-peer-urls=http://{own}:{PEERS}"),
            format!("--listen-client-urls={scheme}://0.0.0.0:{CLIENTS}"),
            format!("--advertise-client-urls={scheme}://{own}:{CLIENTS}"),
            format!("--listen-metrics-urls=http://0.0.0.0:{HEALTH}"),
            format!("--initial-cluster={all}"),
            format!("--initial-cluster-token={}", self.token),
        ];
        if self.etcd.spec.tls.is_some() {
            flags.push("--cert-file=/tls/tls.crt".into());
            flags.push("--key-file=/tls/tls.key".into());
        }
        flags
    }
}

fn port(name: &str, port: u16) -> Value {
    json!({ "name": name, "port": port, "targetPort": port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::{EtcdSpec, Storage, Tls};

    fn etcd(spec: EtcdSpec) -> Etcd {
        let mut etcd = Etcd::new("store", spec);
        etcd.metadata.namespace = Some("shop".into());
        etcd.metadata.uid = Some("u-1".into());
        etcd
    }

    fn made(spec: EtcdSpec) -> Children {
        let around = Surroundings {
            image: "registry.invalid/etcd".into(),
            cluster_domain: "cluster.local".into(),
        };
        children(&etcd(spec), &around).unwrap()
    }

    fn json(object: &impl serde::Serialize) -> Value {
        serde_json::to_value(object).unwrap()
    }

    #[test]
    fn every_child_is_owned_and_named_after_its_etcd() {
        let made = made(EtcdSpec::default());
        for (child, name) in [
            (json(&made.peers), "store-peers"),
            (json(&made.clients), "store-client"),
            (json(&made.members), "store"),
            (json(&made.disruption), "store"),
        ] {
            assert_eq!(child["metadata"]["name"], name);
            assert_eq!(child["metadata"]["namespace"], "shop");
            let owner = &child["metadata"]["ownerReferences"][0];
            assert_eq!(
                (&owner["kind"], &owner["uid"]),
                (&json!("Etcd"), &json!("u-1"))
            );
            assert_eq!(owner["controller"], true);
        }
    }

    #[test]
    fn the_members_know_each_other_by_name() {
        let members = json(&made(EtcdSpec::default()).members);
        let container = &members["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "registry.invalid/etcd:v3.6.5");
        let flags = container["args"].to_string();
        for ordinal in 0..3 {
            let member = format!(
                "store-{ordinal}=http://store-{ordinal}.store-peers.shop.svc.cluster.local:2380"
            );
            assert!(flags.contains(&member), "{flags}");
        }
        assert!(flags.contains("--initial-cluster-token=u-1"), "{flags}");
        assert_eq!(members["spec"]["replicas"], 3);
        assert_eq!(members["spec"]["serviceName"], "store-peers");
    }

    #[test]
    fn storage_and_tls_are_mounted_where_they_are_asked_for() {
        let without = json(&made(EtcdSpec::default()).members);
        assert_eq!(
            without["spec"]["template"]["spec"]["volumes"][0]["emptyDir"],
            json!({})
        );
        assert!(!without.to_string().contains("https"));
        let with = json(
            &made(EtcdSpec {
                storage: Some(Storage::default()),
                tls: Some(Tls {
                    secret_name: "store-tls".into(),
                }),
                ..EtcdSpec::default()
            })
            .members,
        );
        let claim = &with["spec"]["volumeClaimTemplates"][0]["spec"];
        assert_eq!(claim["resources"]["requests"]["storage"], "1Gi");
        let flags = with["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
        assert!(
            flags.contains("https://0.0.0.0:2379") && flags.contains("--cert-file=/tls/tls.crt")
        );
    }

    #[test]
    fn as_many_members_may_be_missing_as_a_majority_bears() {
        for (size, missing) in [(1, 1), (3, 1), (5, 2), (7, 3)] {
            let made = made(EtcdSpec {
                size: Some(size),
                ..EtcdSpec::default()
            });
            assert_eq!(json(&made.disruption)["spec"]["maxUnavailable"], missing);
        }
    }
}
