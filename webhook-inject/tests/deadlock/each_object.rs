//! Every object on the way from an empty namespace to a serving pod and to a renewed certificate, one after the other.

use serde_json::json;
use webhook_inject::Asked;

use crate::{certain, entry, found};

/// Group, resource, an operation that must not wait, one that may, and whether a selector of namespaces spares it.
const ON_THE_WAY: [(&str, &str, &str, &str, bool); 28] = [
    ("", "namespaces", "CREATE", "DELETE", true),
    ("", "serviceaccounts", "CREATE", "DELETE", true),
    ("", "serviceaccounts/token", "CREATE", "UPDATE", true),
    ("", "configmaps", "CREATE", "DELETE", true),
    ("", "secrets", "UPDATE", "DELETE", true),
    ("", "services", "CREATE", "DELETE", true),
    ("", "pods", "CREATE", "UPDATE", true),
    ("", "pods", "DELETE", "UPDATE", true),
    ("", "pods/binding", "CREATE", "UPDATE", true),
    ("", "pods/status", "UPDATE", "CREATE", true),
    ("", "endpoints", "CREATE", "DELETE", true),
    ("", "nodes", "CREATE", "DELETE", false),
    ("", "nodes/status", "UPDATE", "CREATE", false),
    ("apps", "deployments", "CREATE", "DELETE", true),
    ("apps", "replicasets", "CREATE", "DELETE", true),
    ("apps", "statefulsets", "CREATE", "DELETE", true),
    ("apps", "daemonsets", "CREATE", "DELETE", true),
    ("apps", "controllerrevisions", "CREATE", "UPDATE", true),
    ("batch", "jobs", "CREATE", "DELETE", true),
    (
        "discovery.k8s.io",
        "endpointslices",
        "CREATE",
        "DELETE",
        true,
    ),
    (
        "rbac.authorization.k8s.io",
        "roles",
        "CREATE",
        "DELETE",
        true,
    ),
    (
        "rbac.authorization.k8s.io",
        "rolebindings",
        "CREATE",
        "DELETE",
        true,
    ),
    ("coordination.k8s.io", "leases", "UPDATE", "DELETE", true),
    ("coordination.k8s.io", "leases", "CREATE", "DELETE", true),
    (
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "UPDATE",
        "DELETE",
        false,
    ),
    (
        "apiregistration.k8s.io",
        "apiservices",
        "UPDATE",
        "DELETE",
        false,
    ),
    (
        "externaldata.gatekeeper.sh",
        "providers",
        "UPDATE",
        "DELETE",
        false,
    ),
    ("", "serviceaccounts", "UPDATE", "DELETE", true),
];

#[test]
fn each_is_found_and_spared_by_what_is_printed() {
    for (group, resource, needed, harmless, has_namespace) in ON_THE_WAY {
        let by = |operation: &str, more| {
            let rule = json!([{ "apiGroups": [group], "resources": [resource], "operations": [operation] }]);
            let mut entry = entry("", "", json!({ "rules": rule }));
            let more: serde_json::Map<_, _> = serde_json::from_value(more).unwrap();
            entry.as_object_mut().unwrap().extend(more);
            entry
        };
        let what = format!("{needed} {resource}.{group}");
        let found = found(by(needed, json!({})));
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        let one = &found[0];
        assert_eq!(one.asked, Asked::Yes, "{what}");
        assert!(one.objects[0].starts_with(resource), "{what}: {one}");
        assert_eq!(one.selector().is_some(), has_namespace, "{what}");
        assert_eq!(one.condition().is_some(), !has_namespace, "{what}");
        let expressions = one.selector().map_or(json!([]), |one| json!([one]));
        let conditions = one
            .condition()
            .map_or(json!([]), |one| json!([{ "name": "c", "expression": one }]));
        let spared = json!({
            "namespaceSelector": { "matchExpressions": expressions }, "matchConditions": conditions,
        });
        assert!(crate::found(by(needed, spared)).is_empty(), "{what}");
        let other = crate::found(by(harmless, json!({})));
        assert!(other.is_empty(), "{harmless} {resource}: {other:?}");
    }
}

#[test]
fn what_no_pod_waits_for_is_not_found() {
    for (group, resource) in [
        // Their writers drop one that is refused.
        ("", "events"),
        ("events.k8s.io", "events"),
        // Never sent to webhooks.
        (
            "admissionregistration.k8s.io",
            "validatingwebhookconfigurations",
        ),
        (
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations",
        ),
        // Asked for by people.
        ("", "pods/eviction"),
        ("", "pods/exec"),
        ("", "pods/log"),
        ("apps", "deployments/status"),
        ("apps", "deployments/scale"),
        ("networking.k8s.io", "ingresses"),
        ("example.com", "pods"),
        ("db.example.com", "etcds"),
    ] {
        let found = found(entry(group, resource, json!({})));
        assert!(found.is_empty(), "{resource}.{group}: {found:?}");
    }
}

#[test]
fn patterns_cover_what_api_servers_say_they_do() {
    let is_in = |resource: &str, object: &str| {
        certain(entry("", resource, json!({})))
            .iter()
            .any(|one| one == object)
    };
    for (pattern, object, is_covered) in [
        ("*", "pods", true),
        ("*", "pods/binding", false),
        ("*/*", "pods", true),
        ("*/*", "pods/binding", true),
        ("pods/*", "pods", true),
        ("pods/*", "pods/status", true),
        ("pods/*", "serviceaccounts/token", false),
        ("*/status", "pods/status", true),
        ("*/status", "pods", false),
        ("*/token", "serviceaccounts/token", true),
    ] {
        assert_eq!(is_in(pattern, object), is_covered, "{pattern} {object}");
    }
    let of = |scope: &str| {
        let rule = json!([{
            "apiGroups": ["*"], "resources": ["*"], "operations": ["*"], "scope": scope,
        }]);
        certain(entry("", "", json!({ "rules": rule })))
    };
    let (all, cluster, namespaced) = (of("*"), of("Cluster"), of("Namespaced"));
    assert_eq!(cluster.len() + namespaced.len(), all.len());
    let is_wide = |one: &str| {
        [
            "namespaces",
            "nodes",
            "customresourcedefinitions",
            "apiservices",
            "providers",
        ]
        .iter()
        .any(|wide| one.starts_with(wide))
    };
    assert!(cluster.iter().all(|one| is_wide(one)), "{cluster:?}");
    assert!(!namespaced.iter().any(|one| is_wide(one)), "{namespaced:?}");
}
