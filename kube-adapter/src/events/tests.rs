//! Tests of Events.

use http::Method;

use super::*;
use crate::fake::{Fake, Fault as Faked};

const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/guard-system/events";
const SECRET: &str = "/api/v1/namespaces/guard-system/secrets/guard-ca";

#[tokio::test(start_paused = true)]
async fn an_event_names_the_secret_the_target_and_the_api_servers_time() {
    let fake = Fake::new();
    fake.put(SECRET, json!({ "metadata": {} }));
    let uid = fake.get(SECRET).unwrap()["metadata"]["uid"].clone();
    let note = Note {
        severity: Severity::Warning,
        reason: "BundleRepaired",
        related: Some(TargetRef::new("APIService", "v1.example.com")),
        ..note()
    };
    let events = written(&fake, [note]).await;
    let [event] = events.as_slice() else {
        panic!("{events:?}");
    };
    let regarding = json!({
        "apiVersion": "v1", "kind": "Secret", "namespace": "guard-system", "name": "guard-ca", "uid": uid,
    });
    let related = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "name": "v1.example.com",
    });
    for (field, value) in [
        ("type", json!("Warning")),
        ("reason", json!("BundleRepaired")),
        ("note", json!("a root was made")),
        ("reportingController", json!("webhook-certs")),
        ("reportingInstance", json!("guard-0")),
        ("eventTime", json!("2026-11-24T11:30:34.000000Z")),
        ("regarding", regarding),
        ("related", related),
    ] {
        assert_eq!(event[field], value, "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_about_one_thing_is_written_once_in_a_minute() {
    let fake = Fake::new();
    let writer = writer(&fake);
    let other_kind = || Note {
        reason: "Other",
        ..note()
    };
    let other_thing = || Note {
        secret: "guard-tls".into(),
        ..note()
    };
    for _ in 0..60 {
        for note in [note(), other_kind(), other_thing()] {
            writer.write(note);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    writer.finish().await;
    assert_eq!(events(&fake).len(), 2 * 3);
}

/// An attacker who plants one certificate after another can neither hide one behind another nor fill the cluster with
/// Events.
#[tokio::test(start_paused = true)]
async fn what_differs_is_written_within_the_minute_up_to_a_bound() {
    let fake = Fake::new();
    let writer = writer(&fake);
    for number in 0..40 {
        writer.write(Note {
            text: format!("certificate {number}"),
            ..note()
        });
    }
    tokio::time::sleep(PAUSE).await;
    assert_eq!(events(&fake).len(), OF_ONE_KIND);
    writer.write(Note {
        text: "certificate 39".into(),
        ..note()
    });
    writer.finish().await;
    assert_eq!(events(&fake).len(), OF_ONE_KIND + 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_events_are_written_when_the_right_comes_within_minutes() {
    let fake = Fake::new();
    for _ in 0..7 {
        forbid_once(&fake);
    }
    let writer = writer(&fake);
    writer.write(note());
    writer.write(Note {
        reason: "Other",
        ..note()
    });
    // Refused three times in the first seconds, before it is believed, and after 5 s, 10 s, 20 s and 40 s more.
    tokio::time::sleep(Duration::from_secs(74)).await;
    assert_eq!((posts(&fake), events(&fake).len()), (6, 0));
    tokio::time::sleep(Duration::from_secs(68)).await;
    let events = events(&fake);
    assert_eq!((posts(&fake), events.len()), (7 + 2, 2));
    // They carry the time when they happened, although the API server's answers all said 11:30:35.
    for event in events {
        assert_eq!(event["eventTime"], "2026-11-24T11:28:15.000000Z");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_costs_a_request_a_minute_while_something_is_to_be_told_and_then_none() {
    let fake = Fake::new();
    for _ in 0..100 {
        forbid_once(&fake);
    }
    let writer = writer(&fake);
    writer.write(note());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let refused = posts(&fake);
    assert!((7..=11).contains(&refused), "{refused}");
    // A later note is tried at once, and the one after it only when its time comes.
    writer.write(note());
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(posts(&fake), refused + 1);
    writer.finish().await;
    assert_eq!((posts(&fake), events(&fake).len()), (refused + 2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_tried_once_more_before_the_end() {
    let fake = Fake::new();
    forbid_once(&fake);
    let writer = writer(&fake);
    writer.write(note());
    tokio::time::sleep(Duration::from_secs(1)).await;
    writer.finish().await;
    assert_eq!((posts(&fake), events(&fake).len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn one_refusal_loses_no_event() {
    let fake = Fake::new();
    forbid_once(&fake);
    assert_eq!(written(&fake, [note()]).await.len(), 1);
}

fn forbid_once(fake: &Fake) {
    let message = json!({
        "message": "events.events.k8s.io is forbidden: User \"guard\" cannot create resource \"events\"",
    });
    let refusal = Faked::Answer(403, "Forbidden", message);
    fake.arm(Method::POST, EVENTS, refusal);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_answered_is_tried_a_few_times_and_holds_up_nothing() {
    let fake = Fake::new();
    let unwell = || fake.arm(Method::POST, EVENTS, Faked::Text(500, "unwell", None));
    unwell();
    fake.arm(Method::POST, EVENTS, Faked::LostReply);
    let one = written(&fake, [note()]).await;
    assert_eq!((posts(&fake), one.len()), (3, 1));

    for _ in 0..TRIES {
        unwell();
    }
    let writer = writer(&fake);
    for _ in 0..2 * QUEUE {
        writer.write(note());
    }
    writer.finish().await;
    assert_eq!((posts(&fake), events(&fake).len()), (6, 1));
}

#[test]
fn an_event_fits_whatever_it_says() {
    let text = "é".repeat(5000);
    assert!(shorten(&text).len() <= 1024 && shorten("short") == "short");
    let long = name(&format!("{}.", "a".repeat(252)), &[0xab; 16]);
    assert!(crate::object_name::check_subdomain(&long).is_ok(), "{long}");
    assert_eq!(name("guard-ca", &[1; 16]), "guard-ca.0101010101010101");
}

async fn written<const N: usize>(fake: &Fake, notes: [Note; N]) -> Vec<Value> {
    let writer = writer(fake);
    for note in notes {
        writer.write(note);
    }
    writer.finish().await;
    events(fake)
}

fn writer(fake: &Fake) -> EventWriter {
    EventWriter::new(&fake.api(), "guard-system", "guard-0")
}

fn events(fake: &Fake) -> Vec<Value> {
    fake.under(EVENTS)
}

fn posts(fake: &Fake) -> usize {
    let requests = fake.requests();
    let posts = requests.iter().filter(|line| line.starts_with("POST"));
    posts.count()
}

fn note() -> Note {
    Note {
        severity: Severity::Normal,
        reason: "AuthorityCreated",
        secret: "guard-ca".into(),
        related: None,
        text: "a root was made".into(),
    }
}
