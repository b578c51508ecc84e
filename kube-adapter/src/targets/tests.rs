//! Tests of targets, against a scripted API server.

use certgen::{Anchor, Bundle, parse_bundle};
use http::Method;
use rotator_core::{EntryBundle, EntryName};
use serde_json::json;

use super::*;
use crate::fake::{Fake, Fault as Meets, soon};

mod definitions;

const GUARD: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/guard";
const ROOT: &[u8] = include_bytes!("../../../webhook-inject/examples/root.pem");

#[tokio::test(start_paused = true)]
async fn a_bundle_is_written_and_seen_at_once() {
    let fake = Fake::new();
    fake.put(GUARD, configuration());
    let patcher = watching(&fake, [guard()]);
    let seen = readable(&patcher).await;
    assert!(matches!(seen.entries[0].bundle, EntryBundle::Empty));
    patcher.publish(&seen, &edits()).await.unwrap();
    let after = readable(&patcher).await;
    assert!(matches!(&after.entries[0].bundle, EntryBundle::Holds(anchors) if anchors.len() == 1));
    // A publish based on the old view is refused without a request.
    let requests = fake.requests().len();
    let stale = patcher.publish(&seen, &edits()).await;
    assert!(matches!(stale, Err(PatchError::Conflict)), "{stale:?}");
    assert_eq!(fake.requests().len(), requests);
}

#[tokio::test(start_paused = true)]
async fn a_target_is_picked_up_when_it_appears() {
    let fake = Fake::new();
    let patcher = watching(&fake, [guard()]);
    assert!(matches!(only(&patcher).await, TargetState::Absent));
    soon(patcher.changed()).await;
    fake.put(GUARD, configuration());
    soon(patcher.changed()).await;
    let seen = readable(&patcher).await;
    fake.delete(GUARD);
    soon(patcher.changed()).await;
    assert!(matches!(only(&patcher).await, TargetState::Absent));
    let gone = patcher.publish(&seen, &edits()).await;
    assert!(matches!(gone, Err(PatchError::NotFound)), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_does_not_fit_is_refused_for_that_reason() {
    let fake = Fake::new();
    fake.put(GUARD, configuration());
    let patcher = watching(&fake, [guard()]);
    let seen = readable(&patcher).await;
    let too_large = [
        (413, "Request entity too large: limit is 3145728"),
        (500, "etcdserver: request is too large"),
        (
            500,
            "rpc error: code = ResourceExhausted desc = trying to send message larger than max (2 vs. 1)",
        ),
    ];
    for (status, message) in too_large {
        let answer = Meets::Answer(status, "", json!({ "message": message }));
        fake.arm(Method::PATCH, GUARD, answer);
        let refused = patcher.publish(&seen, &edits()).await;
        assert!(
            matches!(&refused, Err(PatchError::Refused { reason }) if reason.contains("too large")),
            "{refused:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_in_between_is_a_conflict() {
    let fake = Fake::new();
    fake.put(GUARD, configuration());
    let patcher = watching(&fake, [guard()]);
    let seen = readable(&patcher).await;
    fake.arm(
        Method::PATCH,
        GUARD,
        Meets::Answer(422, "Invalid", json!({"details": {}})),
    );
    let refused = patcher.publish(&seen, &edits()).await;
    assert!(matches!(refused, Err(PatchError::Conflict)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_says_why() {
    let message =
        "validatingwebhookconfigurations \"guard\" is forbidden: User \"u\" cannot list resource";
    let fake = Fake::new();
    for _ in 0..4 {
        fake.arm(
            Method::GET,
            "validatingwebhookconfigurations",
            Meets::Answer(403, "Forbidden", json!({ "message": message })),
        );
    }
    let provider = Target {
        kind: TargetKind::Provider,
        ..guard()
    };
    let patcher = watching(&fake, [guard(), provider]);
    let states: Vec<_> = patcher.observe().await;
    assert!(
        matches!(states[0].1, TargetState::Unavailable),
        "not by the first answer: {states:?}"
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    let states: Vec<_> = patcher.observe().await;
    let TargetState::Forbidden { verb, object } = &states[0].1 else {
        panic!("{states:?}");
    };
    assert_eq!(
        (verb.as_str(), object.as_str()),
        (
            "list",
            "validatingwebhookconfigurations.admissionregistration.k8s.io/guard"
        )
    );
    assert!(matches!(states[1].1, TargetState::NotInstalled));
}

#[tokio::test(start_paused = true)]
async fn a_silent_api_server_is_waited_for_but_not_for_ever() {
    let fake = Fake::new();
    fake.arm(Method::GET, "validatingwebhook", Meets::Silence);
    let patcher = watching(&fake, [guard()]);
    assert!(matches!(only(&patcher).await, TargetState::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn a_broken_watch_counts_for_a_minute() {
    let fake = Fake::new();
    fake.put(GUARD, configuration());
    let patcher = watching(&fake, [guard()]);
    readable(&patcher).await;
    let key = (TargetKind::ValidatingWebhookConfiguration, "guard".into());
    let broken = || patcher.shared.trouble(&key, &Fault::unavailable("gone"));
    broken();
    tokio::time::advance(Duration::from_secs(59)).await;
    broken();
    readable(&patcher).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    broken();
    assert!(matches!(only(&patcher).await, TargetState::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn many_targets_share_one_watch_where_that_is_permitted() {
    let message = "is forbidden: User \"u\" cannot list resource";
    for permitted in [true, false] {
        let fake = Fake::new();
        if !permitted {
            let forbidden = Meets::Answer(
                403,
                "Forbidden",
                json!({ "message": format!("x {message}") }),
            );
            fake.arm(Method::GET, "limit=100", forbidden);
        }
        for number in 0..9 {
            fake.put(&format!("{GUARD}-{number}"), configuration());
        }
        fake.put(&format!("{GUARD}-foreign"), configuration());
        let targets = (0..10).map(|number| Target {
            name: format!("guard-{number}"),
            ..guard()
        });
        let patcher = watching(&fake, targets);
        let states = patcher.observe().await;
        let readable = states
            .iter()
            .filter(|(_, state)| matches!(state, TargetState::Readable(_)))
            .count();
        assert_eq!((readable, states.len()), (9, 10), "{states:?}");
        assert!(matches!(states[9].1, TargetState::Absent));
        let by_name = fake
            .requests()
            .iter()
            .any(|line| line.contains("fieldSelector"));
        assert_eq!(by_name, !permitted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_something_else_wakes_nobody() {
    let fake = Fake::new();
    fake.put(GUARD, configuration());
    let patcher = watching(&fake, [guard()]);
    readable(&patcher).await;
    soon(patcher.changed()).await;
    let mut labelled = fake.get(GUARD).unwrap();
    labelled["metadata"]["labels"] = json!({"team": "x"});
    fake.put(GUARD, labelled.clone());
    let quiet = tokio::time::timeout(Duration::from_secs(60), patcher.changed()).await;
    assert!(quiet.is_err());
    // The new revision was noted nevertheless.
    let seen = readable(&patcher).await;
    patcher.publish(&seen, &edits()).await.unwrap();
}

fn watching(fake: &Fake, targets: impl IntoIterator<Item = Target>) -> KubeWebhookPatcher {
    KubeWebhookPatcher::watching(&fake.api(), targets)
}

fn guard() -> Target {
    Target {
        kind: TargetKind::ValidatingWebhookConfiguration,
        name: "guard".into(),
        entries: Selector::of_service("guard-system", "guard"),
    }
}

fn configuration() -> Value {
    json!({
        "metadata": {},
        "webhooks": [{
            "name": "a.example.com",
            "clientConfig": { "service": { "namespace": "guard-system", "name": "guard" } },
        }],
    })
}

fn edits() -> Vec<EntryEdit> {
    let anchors: Vec<Anchor> = parse_bundle(ROOT).anchors;
    vec![EntryEdit {
        entry: EntryName::new("a.example.com"),
        bundle: Bundle::new(anchors).unwrap(),
    }]
}

async fn only(patcher: &KubeWebhookPatcher) -> TargetState {
    let mut states = patcher.observe().await;
    assert_eq!(states.len(), 1);
    states.remove(0).1
}

async fn readable(patcher: &KubeWebhookPatcher) -> TargetView {
    match only(patcher).await {
        TargetState::Readable(view) => view,
        other => panic!("{other:?}"),
    }
}
