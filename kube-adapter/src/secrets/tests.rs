//! Tests of Secrets, against a scripted API server.

use std::time::Duration;

use futures::FutureExt;
use http::Method;
use serde_json::json;

use super::*;
use crate::fake::{Fake, Fault as Meets, soon};

const SECRETS: &str = "/api/v1/namespaces/guard-system/secrets";
const CA: &str = "/api/v1/namespaces/guard-system/secrets/guard-ca";

#[tokio::test]
async fn what_is_absent_is_made_and_read_back() {
    let (fake, store) = store();
    let stored = store.load(&name()).await.unwrap();
    assert!(stored.record.is_none());
    let revision = store
        .save(&name(), &record(&[("format", "1")]), &stored.revision)
        .await
        .unwrap();
    let again = store.load(&name()).await.unwrap();
    assert_eq!(again.record.unwrap(), record(&[("format", "1")]));
    assert_eq!(again.revision, revision);
    let secret = fake.get(CA).unwrap();
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(
        secret["metadata"]["labels"],
        json!({"app.kubernetes.io/managed-by": "webhook-certs"})
    );
}

#[tokio::test]
async fn who_else_has_a_hand_in_a_secret_is_noted_whenever_it_is_read() {
    let (fake, store) = store();
    let risks = MetadataRisks::default();
    let store = store.noting(&risks);
    let metadata = json!({
        "annotations": { "replicator.v1.mittwald.de/replicate-to": "*" },
        "ownerReferences": [{ "kind": "Deployment", "name": "other" }],
    });
    fake.put(CA, json!({ "metadata": metadata }));
    // The same for one that was created empty beforehand.
    assert!(store.load(&name()).await.unwrap().record.is_none());
    let new = risks.take_new();
    assert_eq!((new.len(), new[0].1.len()), (1, 2), "{new:?}");
    store.load(&name()).await.unwrap();
    assert!(risks.take_new().is_empty());
}

#[tokio::test]
async fn a_serving_record_makes_a_secret_of_the_tls_type() {
    let (fake, store) = store();
    let absent = store.load(&name()).await.unwrap().revision;
    let serving = record(&[("tls.crt", "c"), ("tls.key", "k"), ("ca.crt", "a")]);
    store.save(&name(), &serving, &absent).await.unwrap();
    assert_eq!(fake.get(CA).unwrap()["type"], "kubernetes.io/tls");
}

#[tokio::test]
async fn an_update_keeps_everything_but_the_entries() {
    let (fake, store) = store();
    fake.put(
        CA,
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "futureField": {"a": 1},
            "metadata": {
                "labels": {"team": "x", "app.kubernetes.io/managed-by": "Helm"}, "annotations": {"note": "y"}, "futureMeta": 2,
                "ownerReferences": [{"kind": "Deployment", "name": "guard"}],
            },
            "data": {"format": "MQ==", "gone": "Zw==", "foreign": "Zg=="},
        }),
    );
    let Stored { record, revision } = store.load(&name()).await.unwrap();
    let mut record = record.unwrap();
    record.remove("gone");
    record.insert("format", "2");
    store.save(&name(), &record, &revision).await.unwrap();
    let mut after = fake.get(CA).unwrap();
    for volatile in ["uid", "resourceVersion", "name"] {
        after["metadata"].as_object_mut().unwrap().remove(volatile);
    }
    assert_eq!(
        after,
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "futureField": {"a": 1},
            "metadata": {
                "labels": {"team": "x", "app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"note": "y"}, "futureMeta": 2,
                "ownerReferences": [{"kind": "Deployment", "name": "guard"}],
            },
            "data": {"format": "Mg==", "foreign": "Zg=="},
        })
    );
}

#[tokio::test]
async fn a_write_upon_an_old_revision_is_a_conflict() {
    let (fake, store) = store();
    fake.put(CA, secret("Opaque", &json!({"format": "MQ=="})));
    let seen = store.load(&name()).await.unwrap().revision;
    fake.put(CA, secret("Opaque", &json!({"format": "Mg=="})));
    let refused = store
        .save(&name(), &record(&[("format", "3")]), &seen)
        .await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(fake.get(CA).unwrap()["data"]["format"], "Mg==");
}

#[tokio::test]
async fn a_write_between_our_read_and_our_write_is_a_conflict() {
    let (fake, store) = store();
    fake.put(CA, secret("Opaque", &json!({"format": "MQ=="})));
    let seen = store.load(&name()).await.unwrap().revision;
    let status = json!({"details": {"name": "guard-ca"}});
    fake.arm(Method::PUT, CA, Meets::Answer(409, "Conflict", status));
    let refused = store
        .save(&name(), &record(&[("format", "3")]), &seen)
        .await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let put = fake.requests().last().unwrap().clone();
    assert!(put.starts_with("PUT"), "{put}");
}

#[tokio::test]
async fn another_secret_of_the_same_name_is_a_conflict() {
    let (fake, store) = store();
    fake.put(CA, secret("Opaque", &json!({"format": "MQ=="})));
    let seen = store.load(&name()).await.unwrap().revision;
    fake.delete(CA);
    let gone = store
        .save(&name(), &record(&[("format", "3")]), &seen)
        .await;
    assert!(matches!(gone, Err(StoreError::Conflict)), "{gone:?}");
    fake.put(CA, secret("Opaque", &json!({"format": "Mg=="})));
    let other = store
        .save(&name(), &record(&[("format", "3")]), &seen)
        .await;
    assert!(matches!(other, Err(StoreError::Conflict)), "{other:?}");
}

#[tokio::test]
async fn what_was_absent_and_is_not_any_more_is_a_conflict() {
    let (fake, store) = store();
    let absent = store.load(&name()).await.unwrap().revision;
    fake.put(CA, secret("Opaque", &json!({"format": "MQ=="})));
    let refused = store
        .save(&name(), &record(&[("format", "3")]), &absent)
        .await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
}

#[tokio::test]
async fn the_second_try_after_a_lost_reply_is_a_conflict() {
    for method in [Method::POST, Method::PUT] {
        let (fake, store) = store();
        if method == Method::PUT {
            fake.put(CA, secret("Opaque", &json!({"format": "MQ=="})));
        }
        let seen = store.load(&name()).await.unwrap().revision;
        fake.arm(method, SECRETS, Meets::LostReply);
        let mine = record(&[("format", "3")]);
        let first = store.save(&name(), &mine, &seen).await.unwrap_err();
        assert!(matches!(first, StoreError::Unavailable { .. }), "{first:?}");
        let second = store.save(&name(), &mine, &seen).await.unwrap_err();
        assert!(matches!(second, StoreError::Conflict), "{second:?}");
        let now = store.load(&name()).await.unwrap().record.unwrap();
        assert_eq!(now, mine);
    }
}

#[tokio::test]
async fn a_secret_made_beforehand_is_absent_and_is_filled() {
    for premade in [
        secret("Opaque", &json!(null)),
        secret("Opaque", &json!({})),
        secret(TLS, &json!({"tls.crt": "", "tls.key": ""})),
    ] {
        let (fake, store) = store();
        fake.put(CA, premade);
        let Stored {
            record: found,
            revision,
        } = store.load(&name()).await.unwrap();
        assert!(found.is_none());
        let serving = record(&[("tls.crt", "c"), ("tls.key", "k")]);
        store.save(&name(), &serving, &revision).await.unwrap();
        assert_eq!(store.load(&name()).await.unwrap().record.unwrap(), serving);
        assert!(fake.requests().iter().all(|line| !line.starts_with("POST")));
    }
}

#[tokio::test]
async fn a_secret_of_another_type_is_unreadable_and_stays() {
    let (fake, store) = store();
    fake.put(
        CA,
        secret("kubernetes.io/dockerconfigjson", &json!({"a": "YQ=="})),
    );
    let error = store.load(&name()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "secrets/guard-ca in namespace guard-system is not a record that this program can read: its type is \
         kubernetes.io/dockerconfigjson, not Opaque or kubernetes.io/tls; delete it, or name another Secret"
    );
}

#[tokio::test]
async fn a_record_that_the_type_cannot_hold_is_not_written() {
    let (fake, store) = store();
    fake.put(CA, secret(TLS, &json!({"tls.crt": "", "tls.key": ""})));
    let seen = store.load(&name()).await.unwrap().revision;
    let authority = record(&[("format", "1")]);
    let error = store.save(&name(), &authority, &seen).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error:?}");
    assert!(fake.requests().iter().all(|line| !line.starts_with("PUT")));
}

#[tokio::test]
async fn an_immutable_secret_is_read_and_not_written() {
    let (fake, store) = store();
    let mut immutable = secret("Opaque", &json!({"format": "MQ=="}));
    immutable["immutable"] = json!(true);
    fake.put(CA, immutable);
    let Stored { record, revision } = store.load(&name()).await.unwrap();
    let error = store
        .save(&name(), &record.unwrap(), &revision)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("immutable; delete it"),
        "{error}"
    );
}

#[tokio::test]
async fn the_largest_record_fits_and_one_byte_more_does_not() {
    let (fake, store) = store();
    let absent = store.load(&name()).await.unwrap().revision;
    let mut large = Record::new();
    large.insert("a", vec![0; LIMIT]);
    let revision = store.save(&name(), &large, &absent).await.unwrap();
    large.insert("b", vec![0; 1]);
    let requests = fake.requests().len();
    let error = store.save(&name(), &large, &revision).await.unwrap_err();
    assert!(
        matches!(error, StoreError::TooLarge { size, limit } if size == limit + 1),
        "{error:?}"
    );
    assert_eq!(fake.requests().len(), requests);
}

#[tokio::test]
async fn unreadable_is_not_absent() {
    // A 404 that does not name the object does not mean that the Secret is absent.
    let (fake, store) = store();
    for fault in [
        Meets::Text(404, "404 page not found\n", None),
        Meets::Answer(404, "NotFound", json!({"details": {}})),
        Meets::Text(200, "<html>", None),
        Meets::Text(200, r#"{"kind":"Status"}"#, None),
        Meets::Text(503, "no backend", None),
        Meets::Answer(401, "Unauthorized", json!({})),
    ] {
        fake.arm(Method::GET, CA, fault.clone());
        let error = store.load(&name()).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Unavailable { .. }),
            "{fault:?}: {error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_says_what_to_grant_when_it_was_refused_twice() {
    let (fake, store) = store();
    fake.arm(Method::GET, CA, forbidden("get"));
    let error = store.load(&name()).await.unwrap_err();
    assert!(
        error.is_transient() && error.retry_after().is_some(),
        "{error:?}"
    );
    tokio::time::sleep(BEFORE_BELIEVED).await;
    fake.arm(Method::GET, CA, forbidden("get"));
    let error = store.load(&name()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "not allowed: grant get on secrets/guard-ca in namespace guard-system"
    );
    let absent = store.load(&name()).await.unwrap().revision;
    let create = async || {
        fake.arm(Method::POST, SECRETS, forbidden("create"));
        let record = record(&[("format", "1")]);
        store.save(&name(), &record, &absent).await.unwrap_err()
    };
    assert!(create().await.is_transient());
    tokio::time::sleep(BEFORE_BELIEVED).await;
    assert_eq!(
        create().await.to_string(),
        "not allowed: grant create on secrets in namespace guard-system, or make an empty Secret guard-ca there \
         and grant update on it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_unavailable_after_ten_seconds() {
    let (fake, store) = store();
    fake.arm(Method::GET, CA, Meets::Silence);
    let before = tokio::time::Instant::now();
    let error = store.load(&name()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_busy_server_says_when_to_come_back() {
    let (fake, store) = store();
    fake.arm(
        Method::GET,
        CA,
        Meets::Text(429, "Too many requests", Some(7)),
    );
    let error = store.load(&name()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_name_that_kubernetes_has_not_asks_nothing() {
    let (fake, store) = store();
    let error = store.load(&RecordName::new("../nodes")).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error:?}");
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_missing_namespace_is_told() {
    let (fake, store) = store();
    let absent = store.load(&name()).await.unwrap().revision;
    let status = json!({"details": {"name": "guard-system", "kind": "namespaces"}});
    fake.arm(
        Method::POST,
        SECRETS,
        Meets::Answer(404, "NotFound", status),
    );
    let error = store.save(&name(), &record(&[("a", "b")]), &absent).await;
    let StoreError::Unavailable { source, .. } = error.unwrap_err() else {
        panic!("not unavailable");
    };
    assert!(
        source.to_string().ends_with("no such namespace"),
        "{source}"
    );
}

#[tokio::test]
async fn no_error_and_no_debug_text_shows_an_entry() {
    let (fake, store) = store();
    // base64 of "hunter2"
    fake.put(
        CA,
        secret("helm.sh/release.v1", &json!({"tls.key": "aHVudGVyMg=="})),
    );
    let error = store.load(&name()).await.unwrap_err();
    fake.arm(
        Method::GET,
        CA,
        Meets::Text(
            200,
            r#"{"metadata":{"uid":"u","resourceVersion":"1"},"data":"aHVudGVyMg=="}"#,
            None,
        ),
    );
    let garbled = store.load(&name()).await.unwrap_err();
    let text = format!("{store:?} {error:?} {error} {garbled:?} {garbled}");
    assert!(
        !text.contains("aHVudGVyMg") && !text.contains("hunter2"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_is_seen_by_a_watch_on_metadata() {
    let (fake, store) = store();
    let store = store.watching([&name()]);
    soon(store.changed()).await;
    while store.changed().now_or_never().is_some() {}
    fake.put(CA, secret("Opaque", &json!({"format": "MQ=="})));
    soon(store.changed()).await;
    fake.delete(CA);
    soon(store.changed()).await;
    // The watch does not ask for other Secrets.
    let watches = fake.requests();
    assert!(
        watches
            .iter()
            .all(|line| line.contains("fieldSelector=metadata.name%3Dguard-ca")),
        "{watches:?}"
    );
}

fn store() -> (Fake, KubeSecretStore) {
    let fake = Fake::new();
    let store = KubeSecretStore::new(&fake.api(), "guard-system");
    (fake, store)
}

fn name() -> RecordName {
    RecordName::new("guard-ca")
}

fn record(entries: &[(&str, &str)]) -> Record {
    let mut record = Record::new();
    for (name, value) in entries {
        record.insert(*name, *value);
    }
    record
}

fn secret(kind: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": {}, "data": data})
}

const BEFORE_BELIEVED: Duration = Duration::from_secs(5);

fn forbidden(verb: &str) -> Meets {
    let message = format!(
        "secrets \"guard-ca\" is forbidden: User \"guard\" cannot {verb} resource \"secrets\" in API group \"\" in \
         the namespace \"guard-system\""
    );
    Meets::Answer(403, "Forbidden", json!({"message": message}))
}
