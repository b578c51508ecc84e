//! The last writer of a caBundle, by the API server's record.

use alloc::{borrow::ToOwned, string::String};

use serde_json::Value;

/// The manager of the youngest entry of `metadata.managedFields` that owns a caBundle
/// (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>). Times are of one form and
/// whole seconds, so that their text orders them.
pub(crate) fn last_writer(object: &Value) -> Option<String> {
    object
        .pointer("/metadata/managedFields")?
        .as_array()?
        .iter()
        .filter(|entry| {
            entry
                .get("fieldsV1")
                .is_some_and(|fields| owns_bundle(fields, DEPTH))
        })
        .max_by_key(|entry| {
            entry
                .get("time")
                .and_then(Value::as_str)
                .unwrap_or_default()
        })?
        .get("manager")?
        .as_str()
        .map(ToOwned::to_owned)
}

/// A caBundle is four fields deep at most, each of which may take two levels.
const DEPTH: u8 = 10;

fn owns_bundle(fields: &Value, depth: u8) -> bool {
    let Some(map) = fields.as_object() else {
        return false;
    };
    map.contains_key("f:caBundle")
        || depth > 0
            && map
                .values()
                .any(|inner| owns_bundle(inner, depth.saturating_sub(1)))
}
