//! Finds webhooks that could block the care for their own certificate.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use serde_json::Value;

use crate::{kind::TargetKind, selector::Selector};

/// An entry of ours that is asked before an object is written which its own certificate depends on. If it ever cannot
/// answer, nobody can mend it. Webhook configurations themselves are never sent to webhooks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "entry {entry} is asked before {resource} are written, which its own certificate depends on: exclude namespace \
     {namespace} by a namespaceSelector on kubernetes.io/metadata.name, or narrow its rules"
)]
#[non_exhaustive]
pub struct Deadlock {
    /// The entry.
    pub entry: String,
    /// The resource that it intercepts.
    pub resource: &'static str,
    /// The namespace where the records are.
    pub namespace: String,
}

/// What the care for certificates writes: group, resource, and whether it lives in a namespace.
const NEEDED: [(&str, &str, bool); 4] = [
    ("", "secrets", true),
    ("coordination.k8s.io", "leases", true),
    ("apiextensions.k8s.io", "customresourcedefinitions", false),
    ("apiregistration.k8s.io", "apiservices", false),
];

/// The entries of ours that intercept what they depend on. Warn of each.
///
/// Looks at rules and at `namespaceSelector`; an `objectSelector` or `matchConditions` may exclude our objects in ways that
/// cannot be judged from outside, so an entry that has one is given the benefit of the doubt.
pub fn deadlocks(kind: TargetKind, object: &Value, selector: &Selector) -> Vec<Deadlock> {
    match kind {
        TargetKind::ValidatingWebhookConfiguration | TargetKind::MutatingWebhookConfiguration => {}
        TargetKind::CustomResourceDefinition | TargetKind::ApiService | TargetKind::Provider => {
            return Vec::new();
        }
    }
    let entries = object.get("webhooks").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .filter(|entry| is_ours(entry, selector) && !has_other_filters(entry))
        .flat_map(|entry| {
            let spared = excludes_namespace(entry, selector.namespace());
            NEEDED
                .into_iter()
                .filter(move |(group, resource, namespaced)| {
                    !(*namespaced && spared) && intercepts(entry, group, resource)
                })
                .map(move |(_, resource, _)| Deadlock {
                    entry: entry
                        .get("name")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned(),
                    resource,
                    namespace: selector.namespace().to_owned(),
                })
        })
        .collect()
}

fn is_ours(entry: &Value, selector: &Selector) -> bool {
    entry
        .pointer("/clientConfig/service")
        .is_some_and(|service| selector.is_our_service(service))
}

fn has_other_filters(entry: &Value) -> bool {
    let has = |list: Option<&Value>| {
        list.and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
    };
    has(entry.get("matchConditions"))
        || has(entry.pointer("/objectSelector/matchExpressions"))
        || entry
            .pointer("/objectSelector/matchLabels")
            .and_then(Value::as_object)
            .is_some_and(|labels| !labels.is_empty())
}

fn intercepts(entry: &Value, group: &str, resource: &str) -> bool {
    let has = |rule: &Value, field: &str, wanted: &[&str]| {
        rule.get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|item| wanted.contains(&item))
    };
    entry
        .get("rules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|rule| {
            has(rule, "apiGroups", &[group, "*"])
                && has(rule, "resources", &[resource, "*", "*/*"])
                && has(rule, "operations", &["CREATE", "UPDATE", "*"])
        })
}

/// Only by the label that every namespace has: other labels are not known here, and count as not excluding.
fn excludes_namespace(entry: &Value, namespace: &str) -> bool {
    const NAME: &str = "kubernetes.io/metadata.name";
    let only = entry
        .pointer("/namespaceSelector/matchLabels")
        .and_then(|labels| labels.get(NAME))
        .and_then(Value::as_str);
    if only.is_some_and(|only| only != namespace) {
        return true;
    }
    entry
        .pointer("/namespaceSelector/matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|expression| expression.get("key").and_then(Value::as_str) == Some(NAME))
        .any(|expression| {
            let listed = expression
                .get("values")
                .and_then(Value::as_array)
                .is_some_and(|values| values.iter().any(|value| value == namespace));
            match expression.get("operator").and_then(Value::as_str) {
                Some("NotIn") => listed,
                Some("In") => !listed,
                Some("DoesNotExist") => true,
                _ => false,
            }
        })
}
