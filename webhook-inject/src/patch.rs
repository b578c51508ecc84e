//! The patch that writes bundles, and nothing else, into the object that was seen, and no other.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use base64::{Engine, engine::general_purpose::STANDARD};
use certgen::Bundle;
use serde_json::{Value, json};

use crate::view::{Entry, EntryKey, ObjectView, Place};

/// Makes the JSON patch that gives each of these entries its bundle.
///
/// The API server applies it only if the object still has the uid that was seen, each entry its name and place, and
/// each caBundle the very bytes that were seen; where there was none, only if the object has not changed at all. Send
/// it with content type `application/json-patch+json`; if the API server refuses a test, read the object again.
///
/// # Errors
///
/// [`NothingToWrite`] if no key names an entry of `seen`: an empty patch would be a write of nothing.
pub fn patch(
    seen: &ObjectView,
    bundles: &BTreeMap<EntryKey, Bundle>,
) -> Result<Value, NothingToWrite> {
    let writes: Vec<(&Entry, &Bundle)> = seen
        .entries
        .iter()
        .filter_map(|entry| Some((entry, bundles.get(&entry.key)?)))
        .collect();
    if writes.is_empty() {
        return Err(NothingToWrite);
    }
    let mut operations = Vec::from([test("/metadata/uid", &seen.uid)]);
    if writes.iter().any(|(entry, _)| entry.seen.is_none()) {
        // JSON patch has no test for "absent".
        operations.push(test("/metadata/resourceVersion", &seen.resource_version));
    }
    for (entry, bundle) in writes {
        let place = pointer(&entry.place);
        if let Place::Webhook(index, name) = &entry.place {
            operations.push(test(&format!("/webhooks/{index}/name"), name));
        }
        let path = format!("{place}/caBundle");
        if let Some(bytes) = &entry.seen {
            operations.push(test(&path, bytes));
        }
        let value = STANDARD.encode(bundle.to_pem());
        operations.push(json!({ "op": "add", "path": path, "value": value }));
    }
    Ok(Value::Array(operations))
}

/// None of the entries was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("none of these entries was seen in the object")]
#[non_exhaustive]
pub struct NothingToWrite;

fn test(path: &str, value: &str) -> Value {
    json!({ "op": "test", "path": path, "value": value })
}

fn pointer(place: &Place) -> String {
    match place {
        Place::Webhook(index, _) => format!("/webhooks/{index}/clientConfig"),
        Place::Conversion => "/spec/conversion/webhook/clientConfig".into(),
        Place::Spec => "/spec".into(),
    }
}
