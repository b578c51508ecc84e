//! Tests that converting back and forth loses nothing.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const V1: &str = "db.example.com/v1";
const V1ALPHA1: &str = "db.example.com/v1alpha1";

fn storage() -> impl Strategy<Value = Value> {
    let text = || proptest::option::of("[a-z0-9]{0,5}".prop_map(Value::from));
    (text(), text()).prop_map(|(size, class)| some_of(vec![("size", size), ("className", class)]))
}

/// With fields left out at random, as `kubectl apply` sends them.
fn some_of(fields: Vec<(&'static str, Option<Value>)>) -> Value {
    let set = fields.into_iter();
    let set = set.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(set.collect())
}

fn metadata() -> impl Strategy<Value = Value> {
    let annotations = proptest::collection::btree_map("[a-z]{1,4}/[a-z]{1,4}", "[ -~]{0,9}", 1..3);
    proptest::option::of(annotations).prop_map(|annotations| {
        let annotations = annotations.map(|annotations| json!(annotations));
        some_of(vec![
            ("name", Some(json!("e"))),
            ("annotations", annotations),
        ])
    })
}

fn whole(version: &str, metadata: &Value, spec: &Value) -> Value {
    json!({ "apiVersion": version, "kind": "Etcd", "metadata": metadata, "spec": spec, "status": { "phase": "Ready" } })
}

fn v1() -> impl Strategy<Value = Value> {
    let option = proptest::option::of::<BoxedStrategy<Value>>;
    (
        metadata(),
        option((0..9_u32).prop_map(Value::from).boxed()),
        option("[0-9.]{0,6}".prop_map(Value::from).boxed()),
        option(storage().boxed()),
        option(
            "[a-z]{0,5}"
                .prop_map(|name| json!({ "secretName": name }))
                .boxed(),
        ),
    )
        .prop_map(|(metadata, size, version, storage, tls)| {
            let spec = some_of(vec![
                ("size", size),
                ("version", version),
                ("storage", storage),
                ("tls", tls),
            ]);
            whole(V1, &metadata, &spec)
        })
}

fn v1alpha1() -> impl Strategy<Value = Value> {
    let text = || proptest::option::of("[a-z0-9.]{0,6}".prop_map(Value::from));
    let kept = proptest::option::of(prop_oneof![
        "[a-z]{1,5}".prop_map(|name| json!({ "tls": { "secretName": name } }).to_string()),
        Just("garbage".to_owned()),
    ]);
    let size = proptest::option::of((0..9_u32).prop_map(Value::from));
    (metadata(), kept, size, text(), text(), text()).prop_map(
        |(mut metadata, kept, replicas, version, storage_size, storage_class)| {
            if let Some(kept) = kept {
                metadata["annotations"][ANNOTATION] = kept.into();
            }
            let spec = some_of(vec![
                ("replicas", replicas),
                ("version", version),
                ("storageSize", storage_size),
                ("storageClass", storage_class),
            ]);
            whole(V1ALPHA1, &metadata, &spec)
        },
    )
}

proptest! {
    #[test]
    fn v1_there_and_back_is_the_same(object in v1()) {
        let there = convert(object.clone(), V1ALPHA1).unwrap();
        prop_assert_eq!(&there["apiVersion"], V1ALPHA1);
        prop_assert_eq!(convert(there, V1).unwrap(), object);
    }

    #[test]
    fn v1alpha1_there_and_back_is_the_same(object in v1alpha1()) {
        let there = convert(object.clone(), V1).unwrap();
        prop_assert_eq!(&there["apiVersion"], V1);
        prop_assert_eq!(convert(there, V1ALPHA1).unwrap(), object);
    }
}

#[test]
fn fields_move_and_what_is_not_known_waits_in_an_annotation() {
    let spec = json!({
        "size": 3, "version": "3.6.5", "storage": { "size": "2Gi", "className": "fast" }, "tls": { "secretName": "t" },
    });
    let old = convert(whole(V1, &json!({ "name": "e" }), &spec), V1ALPHA1).unwrap();
    let flat = json!({
        "replicas": 3, "version": "3.6.5", "storageSize": "2Gi", "storageClass": "fast",
    });
    assert_eq!(old["spec"], flat);
    assert_eq!(
        old["metadata"]["annotations"][ANNOTATION],
        r#"{"tls":{"secretName":"t"}}"#
    );
    assert_eq!(old["status"]["phase"], "Ready");
}

#[test]
fn a_version_that_nobody_knows_is_named() {
    let object = whole(V1, &json!({}), &json!({}));
    let error = convert(object, "db.example.com/v2").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("db.example.com/v1 to db.example.com/v2"),
        "{error}"
    );
    let garbage = whole(V1, &json!({}), &json!({ "size": "three" }));
    assert!(convert(garbage, V1ALPHA1).is_err());
}
