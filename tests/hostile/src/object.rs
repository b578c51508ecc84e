//! Objects that carry a caBundle, as JSON.

use std::{collections::BTreeMap, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use certgen::{Anchor, Bundle};
use serde_json::Value;
use webhook_inject::{EntryState, Selector, TargetKind, deadlocks, patch, view};

use crate::installation::{NAMESPACE, SERVICE, new_root};

/// Any JSON is an object of each kind, or none; a patch of all entries changes their caBundles, never to nothing, and leaves
/// everything else as it is.
pub fn object(bytes: &[u8]) {
    let Ok(object) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let by_service = Selector::of_service(NAMESPACE, SERVICE);
    let by_name = names(&object)
        .take(3)
        .fold(by_service.clone(), |selector, name| {
            selector.and_entry(name)
        });
    for kind in TargetKind::ALL {
        for selector in [&by_service, &by_name] {
            of_kind(kind, &object, selector);
        }
    }
}

fn names(object: &Value) -> impl Iterator<Item = &str> {
    let webhooks = object.get("webhooks").and_then(Value::as_array);
    let names = webhooks.into_iter().flatten();
    names
        .filter_map(|webhook| webhook.get("name")?.as_str())
        .chain(["conversion"])
}

fn of_kind(kind: TargetKind, object: &Value, selector: &Selector) {
    let _ = deadlocks(kind, object, selector);
    let Ok(seen) = view(kind, object, selector) else {
        return;
    };
    let bundles: BTreeMap<_, _> = seen
        .entries
        .iter()
        .map(|entry| (entry.key.clone(), BUNDLE.clone()))
        .collect();
    assert_eq!(bundles.len(), seen.entries.len(), "keys tell entries apart");
    let Ok(operations) = patch(&seen, &bundles) else {
        assert!(seen.entries.is_empty());
        return;
    };
    let operations: json_patch::Patch =
        serde_json::from_value(operations).expect("it is a JSON patch");
    let mut patched = object.clone();
    if json_patch::patch(&mut patched, &operations).is_err() {
        // Only if there is no object to put a caBundle into; nothing is half done.
        assert!(!has_places(kind, object), "the patch fits what was seen");
        assert_eq!(patched, *object);
        return;
    }
    let changed = changed(kind, object, &patched);
    let value = Value::String(STANDARD.encode(BUNDLE.to_pem()));
    assert!(changed.iter().all(|after| **after == value));
    assert!(changed.len() <= seen.entries.len());

    let again = view(kind, &patched, selector).expect("it still is one");
    assert_eq!(again.entries.len(), seen.entries.len());
    for entry in &again.entries {
        let EntryState::Holds(parsed) = &entry.state else {
            panic!("{} holds {:?}", entry.key, entry.state);
        };
        let held = Bundle::new(parsed.anchors.iter().cloned()).expect("it is not empty");
        assert_eq!(held, *BUNDLE);
    }
}

/// Whether every place where a caBundle could stand is an object.
fn has_places(kind: TargetKind, object: &Value) -> bool {
    let places: Vec<Option<&Value>> = match kind {
        TargetKind::ValidatingWebhookConfiguration | TargetKind::MutatingWebhookConfiguration => {
            let webhooks = object.get("webhooks").and_then(Value::as_array);
            let configs = webhooks.into_iter().flatten();
            configs.map(|webhook| webhook.get("clientConfig")).collect()
        }
        TargetKind::CustomResourceDefinition => {
            vec![object.pointer("/spec/conversion/webhook/clientConfig")]
        }
        TargetKind::ApiService | TargetKind::Provider => vec![object.get("spec")],
    };
    places
        .iter()
        .all(|place| place.is_some_and(Value::is_object))
}

/// The caBundles that differ, after everything else was seen to be the same.
fn changed<'a>(kind: TargetKind, before: &Value, after: &'a Value) -> Vec<&'a Value> {
    let mut without = (before.clone(), after.clone());
    let mut changed = Vec::new();
    let places: Vec<String> = match kind {
        TargetKind::ValidatingWebhookConfiguration | TargetKind::MutatingWebhookConfiguration => {
            let webhooks = before.get("webhooks").and_then(Value::as_array);
            (0..webhooks.map_or(0, Vec::len))
                .map(|index| format!("/webhooks/{index}/clientConfig"))
                .collect()
        }
        TargetKind::CustomResourceDefinition => {
            vec!["/spec/conversion/webhook/clientConfig".to_owned()]
        }
        TargetKind::ApiService | TargetKind::Provider => vec!["/spec".to_owned()],
    };
    for place in places {
        let path = format!("{place}/caBundle");
        if before.pointer(&path) != after.pointer(&path) {
            changed.push(after.pointer(&path).expect("none is taken away"));
        }
        for object in [&mut without.0, &mut without.1] {
            if let Some(holder) = object.pointer_mut(&place).and_then(Value::as_object_mut) {
                holder.remove("caBundle");
            }
        }
    }
    assert_eq!(without.0.to_string(), without.1.to_string());
    changed
}

static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
    let roots = [new_root("guard CA 1"), new_root("guard CA 2")];
    Bundle::new(roots.map(Anchor::from)).expect("it is not empty")
});
