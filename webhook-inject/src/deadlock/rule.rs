//! Whether a rule of an entry matches a request.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use serde_json::Value;

use super::needed::{Needed, Place};

/// Whether `rule` matches, whatever the version: with the default `matchPolicy`, a rule about one version is about all.
pub(super) fn matches(rule: &Value, needed: &Needed) -> bool {
    let has = |field, is_it: &dyn Fn(&str) -> bool| words(rule, field).any(is_it);
    let wide = match needed.place {
        Place::Own | Place::Of(_) => "Namespaced",
        Place::Itself | Place::Cluster => "Cluster",
    };
    let scope = rule.get("scope").and_then(Value::as_str).unwrap_or("*");
    (scope == "*" || scope == wide)
        && has("apiGroups", &|group| group == "*" || group == needed.group)
        && has("operations", &|one| {
            one == "*" || needed.operations.contains(&one)
        })
        && has("resources", &|one| is_of(one, needed.resource))
}

/// Whether a rule's `pattern` matches: `*` is every resource and no subresource, `*/*` both, `pods/*` pods and all
/// below.
fn is_of(pattern: &str, resource: &str) -> bool {
    let (any, any_below) = parts(pattern);
    let (resource, below) = parts(resource);
    (any == "*" || any == resource) && (any_below == "*" || any_below == below)
}

fn parts(resource: &str) -> (&str, &str) {
    resource.split_once('/').unwrap_or((resource, ""))
}

/// The rule in words: `CREATE, UPDATE of pods, pods/* in group ""`; of long lists only the beginning.
pub(super) fn shown(rule: &Value) -> String {
    let list = |field, show: fn(&str) -> String| {
        let mut shown: Vec<String> = words(rule, field).take(SHOWN).map(show).collect();
        if words(rule, field).nth(SHOWN).is_some() {
            shown.push("…".to_owned());
        }
        shown.join(", ")
    };
    format!(
        "{} of {} in group {}",
        list("operations", str::to_owned),
        list("resources", str::to_owned),
        list("apiGroups", |group| format!("{group:?}"))
    )
}

const SHOWN: usize = 5;

fn words<'a>(rule: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    let words = rule.get(field).and_then(Value::as_array);
    words.into_iter().flatten().filter_map(Value::as_str)
}
