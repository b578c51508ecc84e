//! Whether a label selector of an entry selects an object of which at most one label is known.

use alloc::{
    format,
    string::{String, ToString},
};

use serde_json::Value;

use super::answer::Asked;

/// The label that each namespace has, with its name as the value.
pub(super) const NAME: &str = "kubernetes.io/metadata.name";

/// Whether `selector` selects the object. `known` is the value of [`NAME`], if that is known; `of` says whose labels
/// these are.
pub(super) fn selects(selector: Option<&Value>, known: Option<&str>, of: &str) -> Asked {
    let Some(selector) = selector else {
        return Asked::Yes;
    };
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten().map(|(key, value)| {
        let holds = |known: &str| value == known;
        requirement(key, known.map(holds), true, of)
    });
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    let expressions = expressions
        .into_iter()
        .flatten()
        .map(|one| expression(one, known, of));
    labels.chain(expressions).min().unwrap_or(Asked::Yes)
}

fn expression(expression: &Value, known: Option<&str>, of: &str) -> Asked {
    let text = |field| expression.get(field).and_then(Value::as_str);
    let (Some(key), Some(operator)) = (text("key"), text("operator")) else {
        return Asked::CannotTell(expression.to_string());
    };
    let lists = |known: &str| {
        let values = expression.get("values").and_then(Value::as_array);
        values.is_some_and(|values| values.iter().any(|value| value == known))
    };
    match operator {
        "In" => requirement(key, known.map(lists), true, of),
        "NotIn" => requirement(key, known.map(|known| !lists(known)), false, of),
        "Exists" => requirement(key, known.map(|_| true), true, of),
        "DoesNotExist" => requirement(key, known.map(|_| false), false, of),
        _ => Asked::CannotTell(expression.to_string()),
    }
}

/// Answers one requirement: by `holds` if it is about the known label. Of any other label only this is certain: a
/// requirement that asks for it is met only if it is set.
fn requirement(key: &str, holds: Option<bool>, asks_for_it: bool, of: &str) -> Asked {
    let label: String = format!("label {key} on {of}");
    match holds.filter(|_| key == NAME) {
        Some(true) => Asked::Yes,
        Some(false) => Asked::No,
        None if asks_for_it => Asked::IfLabelled(label),
        None => Asked::CannotTell(label),
    }
}
