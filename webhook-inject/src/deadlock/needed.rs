//! The requests on the way from an empty namespace to a serving pod, and to a renewed certificate.

use super::writer::Writer;

/// One kind of request that must not wait for our webhook.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needed {
    pub(super) group: &'static str,
    /// The resource, with its subresource: `pods/binding`.
    pub(super) resource: &'static str,
    pub(super) operations: &'static [&'static str],
    pub(super) place: Place,
    pub(super) writer: Writer,
}

/// Where the object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the namespace of our Service.
    Own,
    /// In this namespace.
    Of(&'static str),
    /// The object is that namespace: namespace selectors look at its own labels.
    Itself,
    /// In no namespace: no namespace selector excludes it.
    Cluster,
}

const CREATE: &[&str] = &["CREATE"];
const UPDATE: &[&str] = &["UPDATE"];
const DELETE: &[&str] = &["DELETE"];
const BOTH: &[&str] = &["CREATE", "UPDATE"];

const APPS: &str = "apps";
const LEASES: &str = "coordination.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Every kind of request that must not wait for our webhook.
///
/// Left out on purpose:
/// - Webhook configurations and admission policies: API servers never send them to webhooks.
/// - Events: their writers drop a refused one, and go on.
/// - Evictions, `exec` and what else a person asks of a pod: no pod starts by them.
/// - The status of workloads and Services: controllers create pods and endpoints without it.
pub(super) const NEEDED: &[Needed] = &[
    // The namespace, and the objects to which a pod refers.
    row("", "namespaces", BOTH, Place::Itself, Writer::Administrator),
    own("", "serviceaccounts", BOTH, Writer::Administrator),
    own(RBAC, "roles", BOTH, Writer::Administrator),
    own(RBAC, "rolebindings", BOTH, Writer::Administrator),
    own("", "configmaps", BOTH, Writer::Administrator),
    // `kube-root-ca.crt`, which every pod mounts.
    own("", "configmaps", BOTH, ROOT_CA_PUBLISHER),
    own("", "services", BOTH, Writer::Administrator),
    // From a workload to its pods.
    own(APPS, "deployments", BOTH, Writer::Administrator),
    own(APPS, "statefulsets", BOTH, Writer::Administrator),
    own(APPS, "daemonsets", BOTH, Writer::Administrator),
    own("batch", "jobs", BOTH, Writer::Administrator),
    own(APPS, "replicasets", BOTH, DEPLOYMENTS),
    own(APPS, "controllerrevisions", CREATE, WORKLOADS),
    own("", "pods", CREATE, WORKLOADS),
    // A StatefulSet, and a Deployment with the strategy Recreate, wait until the last pod is gone.
    own("", "pods", DELETE, Writer::Kubelet),
    // From a pod to one that serves.
    own("", "pods/binding", CREATE, SCHEDULER),
    own("", "serviceaccounts/token", CREATE, Writer::Kubelet),
    own("", "pods/status", UPDATE, Writer::Kubelet),
    own("discovery.k8s.io", "endpointslices", BOTH, SLICES),
    own("", "endpoints", BOTH, ENDPOINTS),
    // Without nodes, and without leaders of the control plane, no controller and no kubelet works.
    row("", "nodes", BOTH, Place::Cluster, Writer::Kubelet),
    row("", "nodes/status", UPDATE, Place::Cluster, Writer::Kubelet),
    row(
        LEASES,
        "leases",
        BOTH,
        Place::Of("kube-node-lease"),
        Writer::Kubelet,
    ),
    row(
        LEASES,
        "leases",
        BOTH,
        Place::Of("kube-system"),
        CONTROL_PLANE,
    ),
    // What renewing a certificate writes.
    own("", "secrets", BOTH, Writer::Keeper),
    own(LEASES, "leases", BOTH, Writer::Keeper),
    target("apiextensions.k8s.io", "customresourcedefinitions"),
    target("apiregistration.k8s.io", "apiservices"),
    target("externaldata.gatekeeper.sh", "providers"),
];

const CONTROLLERS: &str = "system:kube-controller-manager";
const SCHEDULER: Writer = Writer::OneOf(&["system:kube-scheduler"]);
const CONTROL_PLANE: Writer = Writer::OneOf(&[CONTROLLERS, "system:kube-scheduler"]);
/// Each controller has an account of its own, or all share one: a flag of the controller manager decides.
const WORKLOADS: Writer = Writer::OneOf(&[
    CONTROLLERS,
    "system:serviceaccount:kube-system:replicaset-controller",
    "system:serviceaccount:kube-system:statefulset-controller",
    "system:serviceaccount:kube-system:daemon-set-controller",
    "system:serviceaccount:kube-system:job-controller",
]);
const DEPLOYMENTS: Writer = Writer::OneOf(&[
    CONTROLLERS,
    "system:serviceaccount:kube-system:deployment-controller",
]);
const ROOT_CA_PUBLISHER: Writer = Writer::OneOf(&[
    CONTROLLERS,
    "system:serviceaccount:kube-system:root-ca-cert-publisher",
]);
const SLICES: Writer = Writer::OneOf(&[
    CONTROLLERS,
    "system:serviceaccount:kube-system:endpointslice-controller",
]);
const ENDPOINTS: Writer = Writer::OneOf(&[
    CONTROLLERS,
    "system:serviceaccount:kube-system:endpoint-controller",
]);

const fn own(
    group: &'static str,
    resource: &'static str,
    operations: &'static [&'static str],
    writer: Writer,
) -> Needed {
    row(group, resource, operations, Place::Own, writer)
}

const fn target(group: &'static str, resource: &'static str) -> Needed {
    row(group, resource, UPDATE, Place::Cluster, Writer::Keeper)
}

const fn row(
    group: &'static str,
    resource: &'static str,
    operations: &'static [&'static str],
    place: Place,
    writer: Writer,
) -> Needed {
    Needed {
        group,
        resource,
        operations,
        place,
        writer,
    }
}
