//! Finds webhooks that could block their own pods, or renewal of their own certificate.

mod answer;
mod condition;
mod labels;
mod needed;
mod rule;
mod writer;

use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use core::fmt;

use serde_json::{Value, json};

pub use self::answer::Asked;
use self::{
    answer::Truth,
    condition::Request,
    needed::{NEEDED, Needed, Place},
};
use crate::{kind::TargetKind, selector::Selector};

/// A rule by which an entry of ours intercepts writes of objects that its own pods or its own certificate depend on. If
/// no pod serves, the API server writes none of them, and no pod ever serves again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Deadlock {
    /// The entry.
    pub entry: String,
    /// The position of the rule in the entry.
    pub rule: usize,
    /// The rule in words: `CREATE of pods in group ""`.
    pub says: String,
    /// The resources that it intercepts, with their groups: `replicasets.apps`.
    pub objects: Vec<String>,
    /// How certain it is that the API server asks the webhook; never [`Asked::No`].
    pub asked: Asked,
    /// The namespaces to exclude.
    pub namespaces: BTreeSet<String>,
    /// Whether some of the objects are in no namespace, so that no namespace selector excludes them.
    pub is_cluster_wide: bool,
    /// The namespace of our Service.
    pub own: String,
}

impl Deadlock {
    /// The requirement to add to `namespaceSelector.matchExpressions` of the entry, if it excludes anything.
    pub fn selector(&self) -> Option<Value> {
        let requirement = json!({
            "key": labels::NAME, "operator": "NotIn", "values": self.namespaces,
        });
        (!self.namespaces.is_empty()).then_some(requirement)
    }

    /// The expression to add to `matchConditions` of the entry, for objects in no namespace. It excludes the requests
    /// of nodes and of this installation's service accounts.
    pub fn condition(&self) -> Option<String> {
        self.is_cluster_wide.then(|| {
            format!(
                "!(request.userInfo.username.startsWith('system:serviceaccount:{}:') || \
                 'system:nodes' in request.userInfo.groups)",
                self.own
            )
        })
    }
}

/// How many objects a message names: a rule may match everything, and an Event takes 1024 bytes.
const SHOWN: usize = 10;

impl Deadlock {
    fn shown(&self) -> String {
        let more = self.objects.len().saturating_sub(SHOWN);
        let mut shown: Vec<String> = self.objects.iter().take(SHOWN).cloned().collect();
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        shown.join(", ")
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            entry, rule, says, ..
        } = self;
        let objects = self.shown();
        write!(f, "entry {entry}, rules[{rule}] ({says}): ")?;
        match &self.asked {
            Asked::IfLabelled(label) => {
                return write!(
                    f,
                    "if {label} is set, the webhook is asked before {objects} are written, which its own pods or its own \
                     certificate depend on: do not set it"
                );
            }
            Asked::CannotTell(what) => write!(
                f,
                "cannot tell whether the webhook is asked before {objects} are written, which its own pods or its own \
                 certificate depend on: that depends on {what}. If it is, "
            )?,
            Asked::No | Asked::Yes => write!(
                f,
                "the webhook is asked before {objects} are written, which its own pods or its own certificate depend \
                 on: while no pod serves, "
            )?,
        }
        f.write_str("none of these is written, and no pod can serve again; ")?;
        let (selector, condition) = (self.selector(), self.condition());
        if let Some(selector) = &selector {
            write!(
                f,
                "add to its namespaceSelector.matchExpressions: {selector}"
            )?;
        }
        if let Some(condition) = &condition {
            let and = if selector.is_some() { ", and " } else { "" };
            write!(
                f,
                "{and}narrow the rule, or add to its matchConditions the expression: {condition}"
            )?;
        }
        Ok(())
    }
}

/// Finds the rules of our entries that intercept what they depend on: on the way from an empty namespace to a serving
/// pod, and to a renewed certificate. Warn of each.
///
/// An entry is ours if it calls our Service or the selector names it. It leaves an object alone if its `failurePolicy`
/// is `Ignore`, if a selector excludes the namespace by name, or if one of its `matchConditions` is false for the
/// writer of such objects (a controller writes replicasets, kubelets request tokens, we write Secrets). What depends on
/// labels, or on a condition that is not of a plain form, is [not certain](Deadlock::asked).
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
        .filter(|entry| is_ours(entry, selector) && fails_closed(entry))
        .flat_map(|entry| of_entry(entry, selector.namespace()))
        .collect()
}

fn is_ours(entry: &Value, selector: &Selector) -> bool {
    let calls_our_service = entry
        .pointer("/clientConfig/service")
        .is_some_and(|service| selector.is_our_service(service));
    calls_our_service || selector.names_entry(name(entry))
}

fn name(entry: &Value) -> &str {
    entry
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn fails_closed(entry: &Value) -> bool {
    entry.get("failurePolicy").and_then(Value::as_str) != Some("Ignore")
}

fn of_entry(entry: &Value, own: &str) -> Vec<Deadlock> {
    let rules = entry.get("rules").and_then(Value::as_array);
    let asked: Vec<(&Needed, Asked)> = NEEDED
        .iter()
        .map(|needed| (needed, asked(entry, needed, own)))
        .filter(|(_, asked)| *asked != Asked::No)
        .collect();
    let mut found = Vec::new();
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        let mut by_certainty: BTreeMap<&Asked, Vec<&Needed>> = BTreeMap::new();
        for (needed, asked) in &asked {
            if rule::matches(rule, needed) {
                by_certainty.entry(asked).or_default().push(needed);
            }
        }
        // The most certain first.
        for (asked, needed) in by_certainty.into_iter().rev() {
            found.push(deadlock(entry, (index, rule), asked, &needed, own));
        }
    }
    found
}

fn deadlock(
    entry: &Value,
    (index, rule): (usize, &Value),
    asked: &Asked,
    needed: &[&Needed],
    own: &str,
) -> Deadlock {
    let mut objects: Vec<String> = Vec::new();
    for object in needed.iter().map(|needed| shown(needed)) {
        if !objects.contains(&object) {
            objects.push(object);
        }
    }
    let namespaces = needed.iter().filter_map(|needed| match needed.place {
        Place::Own | Place::Itself => Some(own.to_owned()),
        Place::Of(other) => Some(other.to_owned()),
        Place::Cluster => None,
    });
    Deadlock {
        entry: name(entry).to_owned(),
        rule: index,
        says: rule::shown(rule),
        objects,
        asked: asked.clone(),
        namespaces: namespaces.collect(),
        is_cluster_wide: needed.iter().any(|needed| needed.place == Place::Cluster),
        own: own.to_owned(),
    }
}

fn shown(needed: &Needed) -> String {
    let dot = if needed.group.is_empty() { "" } else { "." };
    let object = format!("{}{dot}{}", needed.resource, needed.group);
    match needed.place {
        Place::Of(namespace) => format!("{object} in {namespace}"),
        Place::Own | Place::Itself | Place::Cluster => object,
    }
}

/// Whether the API server asks the entry, if one of its rules matches.
fn asked(entry: &Value, needed: &Needed, own: &str) -> Asked {
    let by_namespace = match needed.place {
        Place::Cluster => Asked::Yes,
        Place::Own | Place::Itself => of_namespace(entry, own),
        Place::Of(other) => of_namespace(entry, other),
    };
    let own_name = (needed.place == Place::Itself).then_some(own);
    let by_object = labels::selects(entry.get("objectSelector"), own_name, "the object");
    by_namespace
        .min(by_object)
        .min(of_conditions(entry, &Request { needed, own }))
}

fn of_namespace(entry: &Value, namespace: &str) -> Asked {
    let of = format!("namespace {namespace}");
    labels::selects(entry.get("namespaceSelector"), Some(namespace), &of)
}

fn of_conditions(entry: &Value, request: &Request<'_>) -> Asked {
    let conditions = entry.get("matchConditions").and_then(Value::as_array);
    let conditions = conditions.into_iter().flatten().map(|condition| {
        let expression = condition.get("expression").and_then(Value::as_str);
        let expression = expression.unwrap_or_default();
        match request.satisfies(expression) {
            Truth::True => Asked::Yes,
            Truth::False => Asked::No,
            Truth::Unknown => Asked::CannotTell(format!("matchConditions {}", name(condition))),
        }
    });
    conditions.min().unwrap_or(Asked::Yes)
}
