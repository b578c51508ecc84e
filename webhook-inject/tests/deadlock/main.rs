//! Webhooks that are asked before what keeps them alive is written.
#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

mod conditions;
mod each_object;
mod requests;
mod selectors;
mod whatever_it_says;

use serde_json::{Value, json};
use webhook_inject::{Asked, Deadlock, Selector, TargetKind, deadlocks};

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
    found_by(entry, &Selector::of_service("guard-system", "guard"))
}

fn found_by(entry: Value, selector: &Selector) -> Vec<Deadlock> {
    let object = json!({ "webhooks": [entry] });
    deadlocks(
        TargetKind::ValidatingWebhookConfiguration,
        &object,
        selector,
    )
}

/// The objects that are certainly intercepted.
fn certain(entry: Value) -> Vec<String> {
    let certain = found(entry)
        .into_iter()
        .filter(|one| one.asked == Asked::Yes);
    certain.flat_map(|one| one.objects).collect()
}

#[test]
fn a_webhook_that_guards_its_own_records_is_found() {
    assert!(found(entry("apps", "secrets", json!({}))).is_empty());
    let secrets = found(entry("", "secrets", json!({})));
    assert_eq!(secrets.len(), 1);
    let one = &secrets[0];
    assert_eq!((&*one.entry, &*one.objects[0]), ("a", "secrets"));
    assert_eq!((one.rule, &*one.own), (0, "guard-system"));
}

#[test]
fn a_webhook_that_guards_its_own_pods_is_found_and_told_what_to_add() {
    let rules = json!([
        { "apiGroups": ["example.com"], "resources": ["etcds"], "operations": ["*"] },
        { "apiGroups": [""], "resources": ["pods", "pods/exec"], "operations": ["CREATE"] },
    ]);
    let found = found(entry("", "", json!({ "rules": rules })));
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "entry a, rules[1] (CREATE of pods, pods/exec in group \"\"): the webhook is asked before pods are written, which \
         its own pods or its own certificate depend on: while no pod serves, none of these is written, and no pod can \
         serve again; add to its namespaceSelector.matchExpressions: \
         {\"key\":\"kubernetes.io/metadata.name\",\"operator\":\"NotIn\",\"values\":[\"guard-system\"]}"
    );
}

#[test]
fn a_warning_about_everything_fits_in_an_event() {
    let namespace = "n".repeat(63);
    let mut everything = entry("*", "*/*", json!({}));
    everything["clientConfig"]["service"]["namespace"] = json!(namespace);
    let found = found_by(everything, &Selector::of_service(namespace, "guard"));
    assert_eq!(found.len(), 1);
    let text = found[0].to_string();
    assert!(found[0].objects.len() > 20 && text.len() < 900, "{text}");
    assert!(text.contains("and 17 more are written"), "{text}");
}

#[test]
fn a_webhook_that_fails_open_blocks_nothing() {
    let ignore = json!({ "failurePolicy": "Ignore" });
    assert!(found(entry("*", "*/*", ignore)).is_empty());
    let fail = json!({ "failurePolicy": "Fail" });
    assert!(!found(entry("*", "*/*", fail)).is_empty());
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
        let named = Selector::of_service("guard-system", "guard").and_entry("a");
        assert!(!found_by(entry("*", "*", config), &named).is_empty());
    }
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
