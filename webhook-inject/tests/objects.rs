//! Awkward objects: what is seen in each, and what a patch does to it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use certgen::{Anchor, Bundle, PrivateKey, RootCert, RootRequest, Serial, UnixTime, issue_root};
use serde_json::{Value, json};
use webhook_inject::{
    EntryKey, EntryState, ObjectView, PassedOver, Selector, TargetKind, patch, view,
};

const VWC: TargetKind = TargetKind::ValidatingWebhookConfiguration;

fn root(number: u8) -> RootCert {
    use ring::{rand::SystemRandom, signature::*};
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let request = RootRequest {
        common_name: &format!("guard CA {number}"),
        serial: Serial::from_random([number; 16]),
        not_before: UnixTime::from_secs(1_800_000_000),
        not_after: UnixTime::from_secs(1_900_000_000),
    };
    issue_root(
        &request,
        &PrivateKey::from_pkcs8_der(pkcs8.as_ref()).unwrap(),
    )
    .unwrap()
}

fn bundle(roots: impl IntoIterator<Item = RootCert>) -> Bundle {
    Bundle::new(roots.into_iter().map(Anchor::from)).unwrap()
}

fn ours() -> Selector {
    Selector::of_service("guard-system", "guard")
}

fn our_config(ca_bundle: Option<&str>) -> Value {
    let mut config = json!({ "service": { "namespace": "guard-system", "name": "guard" } });
    if let Some(text) = ca_bundle {
        config["caBundle"] = json!(text);
    }
    config
}

fn object(rest: Value) -> Value {
    let mut object = json!({ "metadata": { "uid": "u1", "resourceVersion": "7" } });
    object
        .as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    object
}

fn configuration(webhooks: Value) -> Value {
    object(json!({ "webhooks": webhooks }))
}

/// One instance of each kind whose single entry is ours.
fn of_each_kind(ca_bundle: Option<&str>) -> Vec<(TargetKind, Value, &'static str)> {
    let webhooks = json!([{ "name": "a.example.com", "clientConfig": our_config(ca_bundle) }]);
    let spec = |mut spec: Value| {
        if let Some(text) = ca_bundle {
            spec["caBundle"] = json!(text);
        }
        object(json!({ "spec": spec }))
    };
    let conversion = json!({ "spec": { "conversion": {
        "strategy": "Webhook", "webhook": { "clientConfig": our_config(ca_bundle) },
    } } });
    let service = json!({ "namespace": "guard-system", "name": "guard" });
    let webhook = "/webhooks/0/clientConfig/caBundle";
    vec![
        (VWC, configuration(webhooks.clone()), webhook),
        (
            TargetKind::MutatingWebhookConfiguration,
            configuration(webhooks),
            webhook,
        ),
        (
            TargetKind::CustomResourceDefinition,
            object(conversion),
            "/spec/conversion/webhook/clientConfig/caBundle",
        ),
        (
            TargetKind::ApiService,
            spec(json!({ "service": service })),
            "/spec/caBundle",
        ),
        (
            TargetKind::Provider,
            spec(json!({ "url": "https://guard.guard-system:8443/validate" })),
            "/spec/caBundle",
        ),
    ]
}

fn state_of(kind: TargetKind, object: &Value) -> EntryState {
    let mut seen = view(kind, object, &ours()).unwrap();
    assert_eq!(seen.entries.len(), 1, "{kind}");
    seen.entries.remove(0).state
}

fn all(seen: &ObjectView, bundle: &Bundle) -> BTreeMap<EntryKey, Bundle> {
    seen.entries
        .iter()
        .map(|entry| (entry.key.clone(), bundle.clone()))
        .collect()
}

fn apply(object: &Value, operations: &Value) -> Result<Value, json_patch::PatchError> {
    let operations: json_patch::Patch = serde_json::from_value(operations.clone()).unwrap();
    let mut object = object.clone();
    json_patch::patch(&mut object, &operations)?;
    Ok(object)
}

#[test]
fn each_kind_is_called_as_in_the_api() {
    let (hooks, kinds) = ("admissionregistration.k8s.io/v1", TargetKind::ALL);
    let names = [
        (hooks, "ValidatingWebhookConfiguration"),
        (hooks, "MutatingWebhookConfiguration"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("apiregistration.k8s.io/v1", "APIService"),
        ("externaldata.gatekeeper.sh/v1beta1", "Provider"),
    ];
    for (kind, (group_version, name)) in kinds.into_iter().zip(names) {
        assert_eq!((kind.group_version(), kind.as_str()), (group_version, name));
        assert_eq!(kind.to_string(), name);
        assert_eq!(name.parse(), Ok(kind));
        assert_eq!(kind.plural(), name.to_lowercase() + "s");
    }
    assert!("Secret".parse::<TargetKind>().is_err());
}

#[test]
fn a_patch_writes_the_bundle_of_every_kind_and_nothing_else() {
    let bundle = bundle([root(1)]);
    for before in [None, Some("Cg=="), Some("")] {
        for (kind, object, place) in of_each_kind(before) {
            let seen = view(kind, &object, &ours()).unwrap();
            let operations = patch(&seen, &all(&seen, &bundle)).unwrap();
            let mut after = apply(&object, &operations).unwrap();
            let written = after.pointer(place).unwrap().as_str().unwrap().to_owned();
            assert_eq!(
                STANDARD.decode(written).unwrap(),
                bundle.to_pem().as_bytes(),
                "{kind}"
            );
            assert!(
                matches!(state_of(kind, &after), EntryState::Holds(held) if held.skipped.is_empty())
            );
            let parent = place.trim_end_matches("/caBundle");
            let holder = after.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match before {
                Some(text) => holder.insert("caBundle".into(), json!(text)),
                None => holder.remove("caBundle"),
            };
            assert_eq!(after, object, "{kind}: something else changed");
        }
    }
}

#[test]
fn a_patch_is_refused_by_an_object_that_moved() {
    let (first, second) = (bundle([root(1)]), bundle([root(2)]));
    for (kind, before, place) in of_each_kind(Some("Cg==")) {
        let seen = view(kind, &before, &ours()).unwrap();
        let operations = patch(&seen, &all(&seen, &first)).unwrap();
        let mut other_uid = before.clone();
        other_uid["metadata"]["uid"] = json!("u2");
        assert!(apply(&other_uid, &operations).is_err(), "{kind}");
        let mut other_bundle = before.clone();
        *other_bundle.pointer_mut(place).unwrap() = json!(STANDARD.encode(second.to_pem()));
        assert!(apply(&other_bundle, &operations).is_err(), "{kind}");
        // Anything else may have changed meanwhile.
        let mut elsewhere = before.clone();
        elsewhere["metadata"]["resourceVersion"] = json!("8");
        elsewhere["metadata"]["labels"] = json!({ "team": "x" });
        assert!(apply(&elsewhere, &operations).is_ok(), "{kind}");
    }
}

#[test]
fn where_there_was_no_bundle_any_change_refuses_the_patch() {
    for (kind, before, _) in of_each_kind(None) {
        let seen = view(kind, &before, &ours()).unwrap();
        let operations = patch(&seen, &all(&seen, &bundle([root(1)]))).unwrap();
        let mut elsewhere = before.clone();
        elsewhere["metadata"]["resourceVersion"] = json!("8");
        assert!(apply(&elsewhere, &operations).is_err(), "{kind}");
    }
}

#[test]
fn an_entry_that_took_the_place_of_ours_is_not_written() {
    let entry = |name: &str| json!({ "name": name, "clientConfig": our_config(Some("Cg==")) });
    let before = configuration(json!([entry("a"), entry("b")]));
    let seen = view(VWC, &before, &ours()).unwrap();
    let operations = patch(&seen, &all(&seen, &bundle([root(1)]))).unwrap();
    assert!(apply(&configuration(json!([entry("b"), entry("a")])), &operations).is_err());
    assert!(apply(&configuration(json!([entry("a")])), &operations).is_err());
}

#[test]
fn what_the_api_server_makes_of_a_bundle() {
    let pem = bundle([root(1), root(2)]).to_pem();
    let encode = |text: &str| STANDARD.encode(text);
    let crlf = encode(&pem.replace('\n', "\r\n"));
    let mixed = encode(&format!(
        "{pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    ));
    // (caBundle, certificates and pieces passed over; none is empty, (0, _) unusable)
    let table = [
        (None, None),
        (Some(""), None),
        (Some("Cg=="), Some((0, 0))),
        (Some("%%%"), Some((0, 0))),
        (Some("AAAA"), Some((0, 0))),
        (Some(&*encode(&pem)), Some((2, 0))),
        (Some(&*crlf), Some((2, 0))),
        (Some(&*mixed), Some((2, 1))),
    ];
    for (text, expected) in table {
        for (kind, object, _) in of_each_kind(text) {
            let found = match state_of(kind, &object) {
                EntryState::Empty => None,
                EntryState::Unusable(parsed) => Some((0, parsed.skipped.len())),
                EntryState::Holds(parsed) => Some((parsed.anchors.len(), parsed.skipped.len())),
            };
            let blank_conversion =
                kind == TargetKind::CustomResourceDefinition && text == Some("Cg==");
            let expected = if blank_conversion { None } else { expected };
            assert_eq!(found, expected, "{kind}: {text:?}");
        }
    }
}

#[test]
fn only_entries_that_call_our_service_are_ours() {
    let webhooks = json!([
        { "name": "ours", "clientConfig": our_config(None) },
        { "name": "other", "clientConfig": { "service": { "namespace": "guard-system", "name": "other" } } },
        { "name": "elsewhere", "clientConfig": { "service": { "namespace": "other", "name": "guard" } } },
        { "name": "url", "clientConfig": { "url": "https://127.0.0.1:1/" } },
        { "name": "nothing" },
    ]);
    let seen = view(VWC, &configuration(webhooks.clone()), &ours()).unwrap();
    assert_eq!(keys(&seen), ["ours"]);
    assert_eq!(seen.passed_over, [PassedOver::Url { name: "url".into() }]);
    let named = ours().and_entry("url").and_entry("gone");
    let seen = view(VWC, &configuration(webhooks), &named).unwrap();
    assert_eq!(keys(&seen), ["url"]);
    assert_eq!(
        seen.passed_over,
        [PassedOver::NoSuchEntry {
            name: "gone".into()
        }]
    );
}

#[test]
fn a_conversion_that_calls_a_url_is_ours_if_it_is_named() {
    let config = json!({ "url": "https://127.0.0.1:1/" });
    let object = object(json!({ "spec": { "conversion": {
        "strategy": "Webhook", "webhook": { "clientConfig": config },
    } } }));
    let named = ours().and_entry("conversion");
    let seen = view(TargetKind::CustomResourceDefinition, &object, &named).unwrap();
    assert_eq!(keys(&seen), ["conversion"]);
    assert!(seen.passed_over.is_empty());
}

#[test]
fn two_entries_of_one_name_are_told_apart() {
    let entry = || json!({ "name": "a", "clientConfig": our_config(Some("Cg==")) });
    let before = configuration(json!([entry(), entry()]));
    let seen = view(VWC, &before, &ours()).unwrap();
    assert_eq!(keys(&seen), ["a", "a#2"]);
    assert_eq!(seen.entries[1].key.to_string(), "a#2");
    let second = BTreeMap::from([(EntryKey::new("a#2"), bundle([root(1)]))]);
    let after = apply(&before, &patch(&seen, &second).unwrap()).unwrap();
    assert_eq!(after["webhooks"][0], before["webhooks"][0]);
    assert_ne!(after["webhooks"][1], before["webhooks"][1]);
}

fn calls_x_y() -> PassedOver {
    PassedOver::OtherService {
        called: "x/y".into(),
        ours: "guard-system/guard".into(),
    }
}

#[test]
fn a_provider_without_a_spec_has_no_entry() {
    let seen = view(TargetKind::Provider, &object(json!({})), &ours()).unwrap();
    assert!(seen.entries.is_empty());
    assert_eq!(seen.passed_over, [PassedOver::NoEntries]);
}

#[test]
fn entries_that_call_other_services_are_named_shortly() {
    let calls = |name: String| json!({ "name": name, "clientConfig": { "service": { "namespace": "x", "name": name } } });
    let webhooks: Vec<Value> = (0..9).map(|number| calls(format!("y{number}"))).collect();
    let seen = view(VWC, &configuration(json!(webhooks)), &ours()).unwrap();
    let said = seen.passed_over[0].to_string();
    assert_eq!(
        said,
        "it calls Service x/y0, x/y1, x/y2, not guard-system/guard"
    );
}

#[test]
fn objects_without_an_entry_of_ours_say_why() {
    let crd = TargetKind::CustomResourceDefinition;
    let api = TargetKind::ApiService;
    let spec = |spec: Value| object(json!({ "spec": spec }));
    let service = json!({ "namespace": "guard-system", "name": "guard" });
    let other = json!({ "namespace": "x", "name": "y" });
    let conversion = |config: Value| {
        spec(
            json!({ "conversion": { "strategy": "Webhook", "webhook": { "clientConfig": config } } }),
        )
    };
    let none = PassedOver::NoConversionWebhook {
        strategy: "None".into(),
    };
    let url = PassedOver::Url {
        name: "conversion".into(),
    };
    let table = [
        (VWC, object(json!({})), PassedOver::NoEntries),
        (VWC, configuration(json!([])), PassedOver::NoEntries),
        (
            VWC,
            configuration(json!([{ "name": "a", "clientConfig": { "service": other } }])),
            calls_x_y(),
        ),
        (
            crd,
            spec(json!({ "conversion": { "strategy": "None" } })),
            none.clone(),
        ),
        (crd, spec(json!({})), none),
        (
            crd,
            conversion(json!({ "url": "https://127.0.0.1:1/" })),
            url,
        ),
        (crd, conversion(json!({ "service": other })), calls_x_y()),
        (api, spec(json!({})), PassedOver::Local),
        (api, spec(json!({ "service": other })), calls_x_y()),
        (
            api,
            spec(json!({ "service": service, "insecureSkipTLSVerify": true })),
            PassedOver::Insecure,
        ),
    ];
    for (kind, object, reason) in table {
        let seen = view(kind, &object, &ours()).unwrap();
        assert_eq!(
            (seen.entries.len(), seen.passed_over),
            (0, vec![reason]),
            "{kind}"
        );
    }
}

#[test]
fn what_is_not_an_object_of_the_api_server_is_refused() {
    for broken in [
        json!(null),
        json!([]),
        json!({ "metadata": { "uid": "u" } }),
    ] {
        assert!(view(VWC, &broken, &ours()).is_err());
    }
}

#[test]
fn nothing_to_write_is_no_patch() {
    let seen = view(VWC, &configuration(json!([])), &ours()).unwrap();
    let stray = BTreeMap::from([(EntryKey::new("a"), bundle([root(1)]))]);
    assert!(patch(&seen, &stray).is_err());
}

#[test]
fn the_last_writer_of_a_bundle_is_named() {
    let owns = json!({ "f:webhooks": { "k:{\"name\":\"a\"}": { "f:clientConfig": { "f:caBundle": {} } } } });
    let mut object = configuration(json!([]));
    object["metadata"]["managedFields"] = json!([
        { "manager": "helm", "time": "2026-01-01T00:00:00Z", "fieldsV1": owns },
        { "manager": "argocd", "time": "2026-02-01T00:00:00Z", "fieldsV1": owns },
        { "manager": "kubectl", "time": "2026-03-01T00:00:00Z", "fieldsV1": { "f:metadata": {} } },
    ]);
    let seen = view(VWC, &object, &ours()).unwrap();
    assert_eq!(seen.last_writer.as_deref(), Some("argocd"));

    // Deeper than any caBundle is.
    let nested = (0..11).fold(
        json!({ "f:caBundle": {} }),
        |inner, _| json!({ "f:x": inner }),
    );
    object["metadata"]["managedFields"][2]["fieldsV1"] = nested;
    let seen = view(VWC, &object, &ours()).unwrap();
    assert_eq!(seen.last_writer.as_deref(), Some("argocd"));
}

fn keys(seen: &ObjectView) -> Vec<&str> {
    seen.entries
        .iter()
        .map(|entry| entry.key.as_str())
        .collect()
}

#[test]
fn an_entry_without_a_name_is_left_alone() {
    let nameless = json!({ "clientConfig": our_config(None) });
    let named = json!({ "name": "a.example.com", "clientConfig": our_config(None) });
    let seen = view(VWC, &configuration(json!([nameless, named])), &ours()).unwrap();
    let keys: Vec<_> = seen
        .entries
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    assert_eq!(keys, ["a.example.com"]);
}

#[test]
fn no_two_entries_have_the_same_key() {
    let entry = |name| json!({ "name": name, "clientConfig": our_config(None) });
    let entries = json!([
        entry("a"),
        entry("a#2"),
        entry("a"),
        entry("a"),
        entry("a#2")
    ]);
    let seen = view(VWC, &configuration(entries), &ours()).unwrap();
    let keys: Vec<_> = seen
        .entries
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    assert_eq!(keys, ["a", "a#2", "a#3", "a#4", "a#2#2"]);
}
