//! Conditions that spare those who write what the webhook depends on, and conditions that only seem to.

use serde_json::json;
use webhook_inject::Asked;

use crate::{entry, found};

const OURS: &str = "system:serviceaccount:guard-system:guard";
const REPLICA_SETS: &str = "system:serviceaccount:kube-system:replicaset-controller";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Spares,
    Asks,
    CannotTell,
}

fn verdict(resource: &str, expressions: &[&str]) -> Verdict {
    let conditions: Vec<_> = expressions
        .iter()
        .map(|expression| json!({ "name": "c", "expression": expression }))
        .collect();
    let found = found(entry(
        "*",
        resource,
        json!({ "matchConditions": conditions }),
    ));
    match found.iter().map(|one| one.asked.clone()).max() {
        None => Verdict::Spares,
        Some(Asked::CannotTell(what)) => {
            assert_eq!(what, "matchConditions c");
            Verdict::CannotTell
        }
        Some(_) => Verdict::Asks,
    }
}

#[test]
fn a_condition_on_the_namespace_spares_everything_in_it() {
    for spares in [
        "request.namespace != 'guard-system'",
        "  request.namespace!=\"guard-system\" ",
        "'guard-system' != request.namespace",
        "!(request.namespace == 'guard-system')",
        "!(request.namespace in ['kube-system', 'guard-system'])",
        "!( ( (request.namespace == 'guard-system')))",
        "!request.namespace.startsWith('guard-')",
        "request.namespace == 'other' || request.namespace == 'third'",
        "request.namespace != 'guard-system' && object.spec.replicas > 3",
        "object.spec.replicas > 3 && request.namespace != 'guard-system'",
        "!(object.spec.x == 'y' || request.namespace == 'guard-system')",
        "request.resource.resource == 'etcds'",
        "false",
    ] {
        for resource in [
            "pods",
            "pods/status",
            "secrets",
            "replicasets",
            "configmaps",
        ] {
            assert_eq!(verdict(resource, &[spares]), Verdict::Spares, "{spares}");
        }
        assert_eq!(verdict("pods", &["true", spares]), Verdict::Spares);
    }
}

#[test]
fn a_condition_that_holds_for_the_own_namespace_spares_nothing() {
    for asks in [
        "true",
        "request.namespace == 'guard-system'",
        "request.namespace != 'guard'",
        "request.namespace != 'other' && request.resource.group != 'example.com'",
        "request.namespace == 'guard-system' || object.spec.x == 'y'",
        "!(request.namespace != 'guard-system')",
        "request.namespace.startsWith('guard')",
    ] {
        assert_eq!(verdict("pods", &[asks]), Verdict::Asks, "{asks}");
    }
}

/// Pods are made by a controller and Secrets by us, so that who is spared matters.
#[test]
fn a_condition_on_the_user_spares_what_that_user_writes() {
    let not = |user: &str| format!("request.userInfo.username != '{user}'");
    for (condition, resource, expected) in [
        (not(OURS), "secrets", Verdict::Spares),
        (not(OURS), "apiservices", Verdict::Spares),
        (not(OURS), "pods", Verdict::Asks),
        (not(OURS), "replicasets", Verdict::Asks),
        (not(OURS), "deployments", Verdict::Asks),
        (not(OURS), "serviceaccounts/token", Verdict::Asks),
        // One of several controllers, and not under every flag of the controller manager.
        (
            not(REPLICA_SETS),
            "controllerrevisions",
            Verdict::CannotTell,
        ),
        (not(REPLICA_SETS), "replicasets", Verdict::Asks),
        (
            not("system:kube-scheduler"),
            "pods/binding",
            Verdict::Spares,
        ),
        // The administrator, by some name.
        (not("jane"), "deployments", Verdict::CannotTell),
        (not("jane"), "pods/binding", Verdict::Asks),
        (
            "!('system:nodes' in request.userInfo.groups)".to_owned(),
            "nodes/status",
            Verdict::Spares,
        ),
        (
            "!('system:nodes' in request.userInfo.groups)".to_owned(),
            "secrets",
            Verdict::Asks,
        ),
        (
            "!('system:authenticated' in request.userInfo.groups)".to_owned(),
            "pods",
            Verdict::Spares,
        ),
        (
            "!request.userInfo.username.startsWith('system:')".to_owned(),
            "pods/status",
            Verdict::Spares,
        ),
        (
            "!request.userInfo.username.startsWith('system:serviceaccount:guard-system:')"
                .to_owned(),
            "secrets",
            Verdict::Spares,
        ),
        (
            "!('system:serviceaccounts:guard-system' in request.userInfo.groups)".to_owned(),
            "secrets",
            Verdict::Spares,
        ),
    ] {
        assert_eq!(
            verdict(resource, &[&condition]),
            expected,
            "{condition} {resource}"
        );
    }
}

#[test]
fn of_what_is_not_plain_it_says_that_it_cannot_tell() {
    for unclear in [
        "object.metadata.namespace != 'guard-system'",
        "!request.namespace == 'guard-system'",
        "request.namespace == 'guard-system' ? false : true",
        "request.namespace != 'guard-system' // || true",
        r"request.namespace != 'guard\-system'",
        "request.namespace != r'guard-system'",
        "request.namespace != '''guard-system'''",
        "request.namespace != 'guard-' + 'system'",
        "request.namespace.matches('^guard')",
        "namespaceObject.metadata.labels.exists(l, l == 'guard-system')",
        "request.namespace != 'guard-system",
        "(request.namespace != 'guard-system'",
        "request.namespace != 'guard-system')",
        "('x') || request.namespace != ('guard-system')",
        "",
    ] {
        assert_eq!(
            verdict("pods", &[unclear]),
            Verdict::CannotTell,
            "{unclear}"
        );
    }
    let deep = format!("{}true{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(verdict("pods", &[&deep]), Verdict::CannotTell);
}
