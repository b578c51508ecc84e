//! Whatever an entry says: no request that it would be asked about is passed over, and what is printed spares all.

use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use webhook_inject::{Asked, Deadlock};

use crate::{
    entry, found,
    requests::{NODE, OURS, REPLICA_SETS, REQUESTS, Request, SCHEDULER},
};

/// A condition, so that it can be written down and judged.
#[derive(Clone, Debug)]
enum Condition {
    Namespace(&'static str),
    User(&'static str),
    UserStarts(&'static str),
    Group(&'static str),
    Opaque,
    Not(Box<Self>),
    All(Box<Self>, Box<Self>),
    Any(Box<Self>, Box<Self>),
}

impl Condition {
    fn text(&self) -> String {
        match self {
            Self::Namespace(name) => format!("request.namespace == '{name}'"),
            Self::User(name) => format!("request.userInfo.username == \"{name}\""),
            Self::UserStarts(start) => format!("request.userInfo.username.startsWith('{start}')"),
            Self::Group(name) => format!("'{name}' in request.userInfo.groups"),
            Self::Opaque => "object.spec.x > 3".to_owned(),
            Self::Not(one) => match &**one {
                Self::Namespace(name) => format!("request.namespace != '{name}'"),
                other => format!("!({})", other.text()),
            },
            Self::All(one, other) => format!("({}) && ({})", one.text(), other.text()),
            Self::Any(one, other) => format!("(({}) || {})", one.text(), in_all(&other.text())),
        }
    }

    /// Nothing if the evaluation fails. `opaque` is what cannot be known.
    fn holds(&self, request: &Request, opaque: bool) -> Option<bool> {
        match self {
            Self::Namespace(name) => request.namespace.map(|own| own == *name),
            Self::User(name) => Some(request.user == *name),
            Self::UserStarts(start) => Some(request.user.starts_with(start)),
            Self::Group(name) => Some(request.groups.contains(name)),
            Self::Opaque => Some(opaque),
            Self::Not(one) => one.holds(request, opaque).map(|holds| !holds),
            Self::All(one, other) => {
                match (one.holds(request, opaque), other.holds(request, opaque)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
            Self::Any(one, other) => {
                match (one.holds(request, opaque), other.holds(request, opaque)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                }
            }
        }
    }
}

fn in_all(text: &str) -> String {
    format!("true && ({text})")
}

fn condition() -> impl Strategy<Value = Condition> {
    let atom = prop_oneof![
        select(&["guard-system", "other", "kube-node-lease"][..]).prop_map(Condition::Namespace),
        select(&[OURS, REPLICA_SETS, NODE, SCHEDULER, "jane"][..]).prop_map(Condition::User),
        select(
            &[
                "system:",
                "system:node:",
                "system:serviceaccount:guard-system:"
            ][..]
        )
        .prop_map(Condition::UserStarts),
        select(
            &[
                "system:nodes",
                "system:serviceaccounts",
                "system:serviceaccounts:guard-system"
            ][..]
        )
        .prop_map(Condition::Group),
        Just(Condition::Opaque),
    ];
    atom.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Condition::Not(one.into())),
            (inner.clone(), inner.clone())
                .prop_map(|(one, other)| Condition::All(one.into(), other.into())),
            (inner.clone(), inner)
                .prop_map(|(one, other)| Condition::Any(one.into(), other.into())),
        ]
    })
}

fn requirement() -> impl Strategy<Value = Value> {
    let key = select(&["kubernetes.io/metadata.name", "team"][..]);
    let operator = select(&["In", "NotIn", "Exists", "DoesNotExist"][..]);
    let values =
        prop::sample::subsequence(vec!["guard-system", "other", "kube-node-lease", "a"], 1..3);
    (key, operator, values).prop_map(
        |(key, operator, values)| json!({ "key": key, "operator": operator, "values": values }),
    )
}

fn selector() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        prop::collection::vec(requirement(), 0..3)
            .prop_map(|all| json!({ "matchExpressions": all })),
        Just(json!({ "matchLabels": { "team": "a" } })),
        Just(json!({ "matchLabels": { "kubernetes.io/metadata.name": "guard-system" } })),
    ]
}

fn rule() -> impl Strategy<Value = Value> {
    let groups = select(&["", "apps", "coordination.k8s.io", "*"][..]);
    let patterns = [
        "*",
        "*/*",
        "pods",
        "pods/*",
        "*/status",
        "secrets",
        "leases",
        "deployments",
        "nodes/status",
    ];
    let resources = prop::sample::subsequence(patterns.to_vec(), 1..4);
    let operations = prop::sample::subsequence(vec!["CREATE", "UPDATE", "DELETE", "*"], 1..3);
    let scope = select(&["*", "Namespaced", "Cluster"][..]);
    (groups, resources, operations, scope).prop_map(|(group, resources, operations, scope)| {
        json!({ "apiGroups": [group], "resources": resources, "operations": operations, "scope": scope })
    })
}

fn any_entry() -> impl Strategy<Value = (Value, Vec<Condition>)> {
    (
        prop::collection::vec(rule(), 1..3),
        selector(),
        selector(),
        prop::collection::vec(condition(), 0..3),
    )
        .prop_map(|(rules, of_namespaces, of_objects, conditions)| {
            let written: Vec<_> = conditions
                .iter()
                .map(|one| json!({ "name": "c", "expression": one.text() }))
                .collect();
            let rest = json!({
                "rules": rules, "namespaceSelector": of_namespaces, "objectSelector": of_objects,
                "matchConditions": written,
            });
            (entry("", "", rest), conditions)
        })
}

/// Whether the request waits for the webhook: it is asked, or the API server cannot say whether it is to be asked.
fn waits(
    request: &Request,
    (entry, conditions): &(Value, Vec<Condition>),
    team: Option<&str>,
    opaque: bool,
) -> bool {
    let is_spared = conditions
        .iter()
        .any(|condition| condition.holds(request, opaque) == Some(false));
    request.is_selected(entry, team) && !is_spared
}

fn names(found: &[Deadlock], request: &Request, is_it: impl Fn(&Asked) -> bool) -> bool {
    found
        .iter()
        .any(|one| is_it(&one.asked) && one.objects.contains(&request.object()))
}

proptest! {
    #[test]
    fn no_request_that_waits_is_passed_over(entry in any_entry()) {
        let found = found(entry.0.clone());
        for request in &REQUESTS {
            for opaque in [true, false] {
                let waits = |team| waits(request, &entry, team, opaque);
                let is_named = names(&found, request, |_| true);
                prop_assert!(is_named || !waits(None) && !waits(Some("a")), "{request:?} in {}", entry.0);
                // Without any label that only some have.
                let is_warned = names(&found, request, |asked| !matches!(asked, Asked::IfLabelled(_)));
                prop_assert!(is_warned || !waits(None), "{request:?} in {}", entry.0);
            }
        }
    }

    #[test]
    fn what_is_said_to_be_certain_is(entry in any_entry()) {
        let found = found(entry.0.clone());
        for one in found.iter().filter(|one| one.asked == Asked::Yes) {
            for object in &one.objects {
                let of_it = REQUESTS.iter().filter(|request| request.object() == *object);
                let mut of_it = of_it.filter(|request| request.is_selected(&entry.0, None)).peekable();
                if of_it.peek().is_none() {
                    continue;
                }
                let always = |request: &Request| {
                    [(None, true), (None, false), (Some("a"), true), (Some("a"), false)]
                        .iter()
                        .all(|(team, opaque)| waits(request, &entry, *team, *opaque))
                };
                prop_assert!(of_it.any(always) || has_many_writers(object), "{one} in {}", entry.0);
            }
        }
    }

    #[test]
    fn what_is_printed_spares_all(entry in any_entry()) {
        let mut mended = entry.0.clone();
        let mut requirements = mended["namespaceSelector"]["matchExpressions"].as_array().cloned().unwrap_or_default();
        let mut conditions = mended["matchConditions"].as_array().cloned().unwrap_or_default();
        for one in found(entry.0) {
            requirements.extend(one.selector());
            let condition = one.condition();
            conditions.extend(condition.map(|text| json!({ "name": "spare", "expression": text })));
        }
        let mut selector = mended["namespaceSelector"].as_object().cloned().unwrap_or_default();
        selector.insert("matchExpressions".to_owned(), requirements.into());
        mended["namespaceSelector"] = selector.into();
        mended["matchConditions"] = conditions.into();
        let left = found(mended);
        prop_assert!(left.is_empty(), "{left:?}");
    }
}

/// The table has one of several requests for these.
fn has_many_writers(object: &str) -> bool {
    ["pods", "configmaps"].contains(&object)
}
