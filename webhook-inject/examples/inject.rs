//! Reads a webhook configuration on standard input and prints the patch that adds a root to its bundles.
//!
//! `kubectl get validatingwebhookconfiguration guard -o json | inject guard-system guard ca.crt`, and then
//! `kubectl patch … --type json --patch-file`. Without arguments it shows the same on an object of its own.

use std::{collections::BTreeMap, env, error::Error, fs, io, io::Write};

use certgen::{Bundle, parse_bundle};
use serde_json::Value;
use webhook_inject::{EntryState, Selector, TargetKind, patch, view};

const ROOT: &str = include_str!("root.pem");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (object, selector, root) = match arguments.as_slice() {
        [namespace, service, file] => (
            serde_json::from_reader(io::stdin())?,
            Selector::of_service(namespace, service),
            fs::read(file)?,
        ),
        [] => (
            sample(),
            Selector::of_service("guard-system", "guard"),
            ROOT.into(),
        ),
        _ => return Err("usage: inject [NAMESPACE SERVICE ROOT.PEM] < object.json".into()),
    };
    let kind: TargetKind = object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .parse()?;
    let added = parse_bundle(&root).anchors;

    let seen = view(kind, &object, &selector)?;
    for reason in &seen.passed_over {
        writeln!(io::stderr(), "passed over: {reason}")?;
    }
    let mut bundles = BTreeMap::new();
    for entry in &seen.entries {
        // What callers trust today stays trusted: a bundle only ever grows here.
        let held = match &entry.state {
            EntryState::Holds(parsed) => parsed.anchors.clone(),
            EntryState::Empty | EntryState::Unusable(_) => Vec::new(),
        };
        bundles.insert(
            entry.key.clone(),
            Bundle::new(held.into_iter().chain(added.iter().cloned()))?,
        );
    }
    let operations = patch(&seen, &bundles)?;
    writeln!(
        io::stdout(),
        "{}",
        serde_json::to_string_pretty(&operations)?
    )?;
    Ok(())
}

fn sample() -> Value {
    serde_json::json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "guard", "uid": "0a1b", "resourceVersion": "7" },
        "webhooks": [{
            "name": "pods.guard.example.com",
            "clientConfig": { "service": { "namespace": "guard-system", "name": "guard" } },
        }],
    })
}
