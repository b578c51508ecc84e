//! Selectors that spare the own namespace, and those that do not.

use serde_json::{Value, json};
use webhook_inject::Asked;

use crate::{certain, entry, found};

const NAME: &str = "kubernetes.io/metadata.name";

fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] })
}

#[test]
fn a_namespace_that_is_selected_away_spares_what_lives_in_it_and_nothing_else() {
    for (selector, is_spared) in [
        (expression(NAME, "NotIn", &["other", "guard-system"]), true),
        (expression(NAME, "NotIn", &["other"]), false),
        (expression(NAME, "In", &["other"]), true),
        (expression(NAME, "In", &["other", "guard-system"]), false),
        (expression(NAME, "DoesNotExist", &[]), true),
        (expression(NAME, "Exists", &[]), false),
        (json!({ "matchLabels": { NAME: "other" } }), true),
        (json!({ "matchLabels": { NAME: "guard-system" } }), false),
        (json!({}), false),
    ] {
        let rest = json!({ "namespaceSelector": selector });
        for resource in [
            "pods",
            "secrets",
            "replicasets",
            "namespaces",
            "pods/binding",
        ] {
            let found = found(entry("*", resource, rest.clone()));
            assert_eq!(found.is_empty(), is_spared, "{selector} {resource}");
        }
        for resource in ["nodes", "apiservices", "customresourcedefinitions"] {
            let found = certain(entry("*", resource, rest.clone()));
            assert_eq!(found.len(), 1, "{selector} {resource}");
        }
    }
}

#[test]
fn leases_of_the_control_plane_and_of_nodes_are_to_be_spared_too() {
    let rest = json!({ "namespaceSelector": expression(NAME, "NotIn", &["guard-system"]) });
    let found = found(entry("coordination.k8s.io", "leases", rest));
    let objects = [
        "leases.coordination.k8s.io in kube-node-lease",
        "leases.coordination.k8s.io in kube-system",
    ];
    assert_eq!(found[0].objects, objects);
    let values = &found[0].selector().unwrap()["values"];
    assert_eq!(*values, json!(["kube-node-lease", "kube-system"]));
}

/// What a label chooses is spared until it has the label; what a label spares may have it.
#[test]
fn of_other_labels_it_is_said_what_depends_on_them() {
    for (selector, is_chosen_by_label) in [
        (json!({ "matchLabels": { "team": "a" } }), true),
        (expression("team", "In", &["a"]), true),
        (expression("team", "Exists", &[]), true),
        (expression("team", "NotIn", &["a"]), false),
        (expression("team", "DoesNotExist", &[]), false),
    ] {
        for (field, of) in [
            ("namespaceSelector", "namespace guard-system"),
            ("objectSelector", "the object"),
        ] {
            let found = found(entry("", "pods", json!({ field: selector })));
            let label = format!("label team on {of}");
            let expected = if is_chosen_by_label {
                Asked::IfLabelled(label)
            } else {
                Asked::CannotTell(label)
            };
            assert_eq!(found.len(), 1, "{selector}");
            assert_eq!(found[0].asked, expected, "{field} {selector}");
            let says_so = found[0].to_string().contains("cannot tell");
            assert_eq!(says_so, !is_chosen_by_label, "{}", found[0]);
        }
    }
}

#[test]
fn one_selector_that_spares_is_enough() {
    let mut both = expression(NAME, "NotIn", &["guard-system"]);
    both["matchLabels"] = json!({ "team": "a" });
    assert!(found(entry("", "pods", json!({ "namespaceSelector": both }))).is_empty());
}
