//! Webhooks that are asked before what keeps them alive is written.
#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};
use webhook_inject::{Deadlock, Selector, TargetKind, deadlocks};

/// Everything that the care for a certificate writes.
const NEEDED: [&str; 4] = [
    "secrets",
    "leases",
    "customresourcedefinitions",
    "apiservices",
];
const IN_A_NAMESPACE: [&str; 2] = ["secrets", "leases"];
const CLUSTER_WIDE: [&str; 2] = ["customresourcedefinitions", "apiservices"];

/// An entry that calls our service by this rule, and what else it says.
fn entry(group: &str, resource: &str, rest: Value) -> Value {
    let mut entry = json!({
        "name": "a",
        "clientConfig": { "service": { "namespace": "guard-system", "name": "guard" } },
        "rules": [{ "apiGroups": [group], "resources": [resource], "operations": ["*"] }],
    });
    let rest = rest.as_object().unwrap().clone();
    entry.as_object_mut().unwrap().extend(rest);
    entry
}

fn found(entry: Value) -> Vec<Deadlock> {
    let object = json!({ "webhooks": [entry] });
    let ours = Selector::of_service("guard-system", "guard");
    deadlocks(TargetKind::ValidatingWebhookConfiguration, &object, &ours)
}

fn resources(entry: Value) -> Vec<&'static str> {
    found(entry).iter().map(|one| one.resource).collect()
}

#[test]
fn a_webhook_that_guards_its_own_records_is_found() {
    assert!(found(entry("", "pods", json!({}))).is_empty());
    assert!(found(entry("apps", "secrets", json!({}))).is_empty());
    assert_eq!(resources(entry("*", "*", json!({}))), NEEDED);
    let secrets = found(entry("", "secrets", json!({})));
    assert_eq!(secrets.len(), 1);
    let one = &secrets[0];
    assert_eq!((&*one.entry, one.resource), ("a", "secrets"));
    assert_eq!(one.namespace, "guard-system");
}

#[test]
fn only_a_rule_that_fits_whole_intercepts() {
    for (rule, is_found) in [
        (json!(["", "secrets", "CREATE"]), true),
        (json!(["", "secrets", "UPDATE"]), true),
        (json!(["*", "*/*", "*"]), true),
        (json!(["", "secrets", "DELETE"]), false),
        (json!(["", "pods", "*"]), false),
        (json!(["apps", "*", "*"]), false),
    ] {
        let rules = json!([{
            "apiGroups": [rule[0]], "resources": [rule[1]], "operations": [rule[2]],
        }]);
        let found = found(entry("", "pods", json!({ "rules": rules })));
        assert_eq!(!found.is_empty(), is_found, "{rule}");
    }
}

#[test]
fn entries_of_others_are_none_of_our_business() {
    for service in [
        json!({ "namespace": "guard-system", "name": "other" }),
        json!({ "namespace": "other", "name": "guard" }),
        Value::Null,
    ] {
        let config = json!({ "clientConfig": { "service": service } });
        assert!(
            found(entry("*", "*", config.clone())).is_empty(),
            "{config}"
        );
    }
}

#[test]
fn a_namespace_that_is_selected_away_spares_what_lives_in_it_and_nothing_else() {
    let expression = |operator: &str, values: &[&str]| {
        json!({ "namespaceSelector": { "matchExpressions": [
            { "key": "kubernetes.io/metadata.name", "operator": operator, "values": values },
        ] } })
    };
    let labels = |name: &str, value: &str| json!({ "namespaceSelector": { "matchLabels": { name: value } } });
    let name = "kubernetes.io/metadata.name";
    for (selector, is_spared) in [
        (expression("NotIn", &["other", "guard-system"]), true),
        (expression("NotIn", &["other"]), false),
        (expression("In", &["other"]), true),
        (expression("In", &["other", "guard-system"]), false),
        (expression("DoesNotExist", &[]), true),
        (expression("Exists", &[]), false),
        (labels(name, "other"), true),
        (labels(name, "guard-system"), false),
        (labels("team", "other"), false),
    ] {
        let found = resources(entry("*", "*", selector.clone()));
        let left: &[_] = if is_spared { &CLUSTER_WIDE } else { &NEEDED };
        assert_eq!(found, left, "{selector}");
        for resource in IN_A_NAMESPACE {
            let found = resources(entry("*", resource, selector.clone()));
            assert_eq!(found.is_empty(), is_spared, "{selector} {resource}");
        }
    }
}

#[test]
fn a_filter_that_cannot_be_judged_from_outside_is_trusted() {
    let filters = [
        json!({ "matchConditions": [{ "name": "x", "expression": "false" }] }),
        json!({ "objectSelector": { "matchLabels": { "a": "b" } } }),
        json!({ "objectSelector": { "matchExpressions": [{ "key": "a", "operator": "Exists" }] } }),
    ];
    for filter in filters {
        assert!(
            found(entry("*", "*", filter.clone())).is_empty(),
            "{filter}"
        );
    }
    let nothing = json!({
        "matchConditions": [],
        "objectSelector": { "matchLabels": {}, "matchExpressions": [] },
    });
    assert_eq!(resources(entry("*", "*", nothing)), NEEDED);
}

#[test]
fn kinds_that_intercept_nothing_are_not_looked_at() {
    let object = json!({ "webhooks": [entry("*", "*", json!({}))] });
    let ours = Selector::of_service("guard-system", "guard");
    for (kind, is_found) in [
        (TargetKind::MutatingWebhookConfiguration, true),
        (TargetKind::CustomResourceDefinition, false),
        (TargetKind::ApiService, false),
        (TargetKind::Provider, false),
    ] {
        let found = deadlocks(kind, &object, &ours);
        assert_eq!(!found.is_empty(), is_found, "{kind}");
    }
}
