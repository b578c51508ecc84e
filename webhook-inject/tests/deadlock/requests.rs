//! Requests as API servers get them, and whether a webhook is asked: by Kubernetes' rules, written down once more.

use serde_json::Value;

/// A request on the way to a serving pod or to a renewed certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) group: &'static str,
    /// With its subresource.
    pub(crate) resource: &'static str,
    pub(crate) operation: &'static str,
    /// Whose labels a `namespaceSelector` looks at.
    pub(crate) namespace: Option<&'static str>,
    pub(crate) user: &'static str,
    pub(crate) groups: &'static [&'static str],
}

pub(crate) const OURS: &str = "system:serviceaccount:guard-system:guard";
pub(crate) const REPLICA_SETS: &str = "system:serviceaccount:kube-system:replicaset-controller";
pub(crate) const NODE: &str = "system:node:one";
pub(crate) const SCHEDULER: &str = "system:kube-scheduler";
const OWN: Option<&str> = Some("guard-system");
const OUR_GROUPS: &[&str] = &[
    "system:serviceaccounts",
    "system:serviceaccounts:guard-system",
    "system:authenticated",
];
const CONTROLLERS: &[&str] = &[
    "system:serviceaccounts",
    "system:serviceaccounts:kube-system",
    "system:authenticated",
];
const NODES: &[&str] = &["system:nodes", "system:authenticated"];
const PEOPLE: &[&str] = &["people", "system:authenticated"];

const fn request(
    (group, resource, operation): (&'static str, &'static str, &'static str),
    namespace: Option<&'static str>,
    (user, groups): (&'static str, &'static [&'static str]),
) -> Request {
    Request {
        group,
        resource,
        operation,
        namespace,
        user,
        groups,
    }
}

const US: (&str, &[&str]) = (OURS, OUR_GROUPS);
const KUBELET: (&str, &[&str]) = (NODE, NODES);
const PERSON: (&str, &[&str]) = ("jane", PEOPLE);

pub(crate) const REQUESTS: [Request; 13] = [
    request(("", "pods", "CREATE"), OWN, (REPLICA_SETS, CONTROLLERS)),
    request(("", "pods", "DELETE"), OWN, KUBELET),
    request(
        ("", "pods/binding", "CREATE"),
        OWN,
        (SCHEDULER, &["system:authenticated"]),
    ),
    request(("", "pods/status", "UPDATE"), OWN, KUBELET),
    request(("", "serviceaccounts/token", "CREATE"), OWN, KUBELET),
    request(("", "secrets", "UPDATE"), OWN, US),
    request(("", "configmaps", "CREATE"), OWN, PERSON),
    request(("apps", "deployments", "CREATE"), OWN, PERSON),
    request(("coordination.k8s.io", "leases", "UPDATE"), OWN, US),
    request(
        ("coordination.k8s.io", "leases", "UPDATE"),
        Some("kube-node-lease"),
        KUBELET,
    ),
    request(("", "nodes/status", "UPDATE"), None, KUBELET),
    request(
        ("apiregistration.k8s.io", "apiservices", "UPDATE"),
        None,
        US,
    ),
    request(
        (
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            "UPDATE",
        ),
        None,
        US,
    ),
];

impl Request {
    /// As a deadlock names it.
    pub(crate) fn object(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        let place = match self.namespace {
            Some(namespace) if self.namespace != OWN => format!(" in {namespace}"),
            _ => String::new(),
        };
        format!("{}{dot}{}{place}", self.resource, self.group)
    }

    /// Whether a rule of the entry is about it, and its selectors select it, where namespaces and objects have the label
    /// `team` or not. Conditions are not asked.
    pub(crate) fn is_selected(&self, entry: &Value, team: Option<&str>) -> bool {
        let rules = entry["rules"].as_array().unwrap();
        let by_namespace = match self.namespace {
            Some(name) => selects(&entry["namespaceSelector"], Some(name), team),
            None => true,
        };
        rules.iter().any(|rule| self.is_matched(rule))
            && by_namespace
            && selects(&entry["objectSelector"], None, team)
    }

    fn is_matched(&self, rule: &Value) -> bool {
        let words = |field: &str| {
            let words = rule[field].as_array().unwrap().iter();
            words
                .map(|word| word.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let or_any = |word: &str, own: &str| word == "*" || word == own;
        let (resource, below) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        let scope = rule["scope"].as_str().unwrap_or("*");
        let own_scope = if self.namespace.is_some() {
            "Namespaced"
        } else {
            "Cluster"
        };
        or_any(scope, own_scope)
            && words("apiGroups")
                .iter()
                .any(|word| or_any(word, self.group))
            && words("operations")
                .iter()
                .any(|word| or_any(word, self.operation))
            && words("resources").iter().any(|word| {
                let (any, any_below) = word.split_once('/').unwrap_or((word, ""));
                or_any(any, resource) && or_any(any_below, below)
            })
    }
}

fn selects(selector: &Value, name: Option<&str>, team: Option<&str>) -> bool {
    let label = |key: &str| match key {
        "kubernetes.io/metadata.name" => name,
        "team" => team,
        _ => None,
    };
    let labels = selector["matchLabels"].as_object().into_iter().flatten();
    let expressions = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    labels
        .into_iter()
        .all(|(key, value)| label(key) == value.as_str())
        && expressions.into_iter().all(|one| {
            let own = label(one["key"].as_str().unwrap());
            let listed = own.is_some_and(|own| {
                one["values"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|value| value == own)
            });
            match one["operator"].as_str().unwrap() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => own.is_some(),
                _ => own.is_none(),
            }
        })
}
