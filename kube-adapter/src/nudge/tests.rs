//! Tests of the nudger on a small API server.

use std::pin::Pin;

use http::Method;
use serde_json::json;

use super::*;
use crate::fake::{Fake, Fault as Faked, soon};

const SECRET: &str = "/api/v1/namespaces/guard-system/secrets/guard-tls";
const PODS: &str = "/api/v1/namespaces/guard-system/pods";

fn pod(label: &str, secret: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": label }, "annotations": { "kept": "yes" } },
        "spec": { "volumes": [{ "name": "tls", "secret": { "secretName": secret } }] },
    })
}

fn fake() -> Fake {
    let fake = Fake::new();
    fake.put(SECRET, json!({ "metadata": {} }));
    for (name, label, secret) in [
        ("guard-0", "guard", "guard-tls"),
        ("guard-1", "guard", "guard-tls"),
        ("guard-2", "guard", "other"),
        ("else-0", "else", "guard-tls"),
    ] {
        fake.put(&format!("{PODS}/{name}"), pod(label, secret));
    }
    fake
}

fn nudger(fake: &Fake) -> PodNudger {
    let record = RecordName::new("guard-tls");
    PodNudger::new(&fake.api(), "guard-system", "app=guard", [&record])
}

/// Lets `run` go on until `story` is over.
fn during<'a>(
    run: impl Future<Output = ()> + 'a,
    story: impl Future<Output = ()> + 'a,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(soon(async {
        tokio::select! {
            () = run => {}
            () = story => {}
        }
    }))
}

fn patches(fake: &Fake) -> Vec<String> {
    let requests = fake.requests().into_iter();
    requests.filter(|line| line.starts_with("PATCH")).collect()
}

fn mark_of(fake: &Fake, pod: &str) -> Value {
    fake.get(&format!("{PODS}/{pod}")).unwrap()["metadata"]["annotations"][ANNOTATION].clone()
}

#[tokio::test(start_paused = true)]
async fn the_selected_pods_that_mount_the_secret_are_touched_once_for_each_change() {
    let fake = fake();
    let nudger = nudger(&fake);
    assert_eq!(nudger.round().await.unwrap(), 2);
    let first = mark_of(&fake, "guard-0");
    assert!(first.as_str().unwrap().starts_with("guard-tls="), "{first}");
    assert_eq!(mark_of(&fake, "guard-1"), first);
    for untouched in ["guard-2", "else-0"] {
        assert!(mark_of(&fake, untouched).is_null(), "{untouched}");
    }
    let kept = fake.get(&format!("{PODS}/guard-0")).unwrap();
    assert_eq!(kept["metadata"]["annotations"]["kept"], "yes");
    assert_eq!(nudger.round().await.unwrap(), 0);

    fake.put(SECRET, json!({ "metadata": {} }));
    assert_eq!(nudger.round().await.unwrap(), 2);
    assert_ne!(mark_of(&fake, "guard-0"), first);
    assert!(
        !fake
            .requests()
            .iter()
            .any(|line| line.starts_with("GET") && line.contains("pods/")),
        "pods are listed, not got"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_was_replaced_meanwhile_is_not_touched_and_holds_nothing_up() {
    let fake = fake();
    let causes = json!({ "details": { "causes": [{ "field": "metadata.uid" }] } });
    fake.arm(
        Method::PATCH,
        "guard-0",
        Faked::Answer(422, "Invalid", causes),
    );
    assert_eq!(nudger(&fake).round().await.unwrap(), 1);
    assert!(mark_of(&fake, "guard-0").is_null());
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_somebody_guards_holds_no_other_up() {
    let fake = fake();
    let guarded = json!({ "message": "admission webhook \"guard\" denied the request" });
    fake.arm(
        Method::PATCH,
        "guard-0",
        Faked::Answer(400, "BadRequest", guarded),
    );
    assert_eq!(nudger(&fake).round().await.unwrap(), 1);
    assert!(mark_of(&fake, "guard-0").is_null());
    assert!(mark_of(&fake, "guard-1").is_string());
}

#[tokio::test(start_paused = true)]
async fn ten_in_a_second_at_most_and_a_round_in_ten() {
    let fake = fake();
    for n in 0..50 {
        fake.put(&format!("{PODS}/many-{n}"), pod("guard", "guard-tls"));
    }
    let nudger = nudger(&fake);
    let (changes, duty) = (watch::Sender::new(0), watch::Sender::new(Duty::Lead));
    let run = nudger.run(changes.subscribe(), duty.subscribe());
    let vandal = async {
        for n in 0..60 {
            fake.put(SECRET, json!({ "metadata": {} }));
            changes.send_replace(n);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    during(run, vandal).await;
    // A round of 52 takes 5 s, and 10 s pass until the next.
    assert_eq!(patches(&fake).len(), 52 * 4);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_stands_by_touches_nothing_until_it_leads() {
    let fake = fake();
    let nudger = nudger(&fake);
    let (changes, duty) = (watch::Sender::new(0), watch::Sender::new(Duty::StandBy));
    let run = nudger.run(changes.subscribe(), duty.subscribe());
    let story = async {
        changes.send_replace(1);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(patches(&fake), [""; 0]);
        duty.send_replace(Duty::Lead);
        while patches(&fake).len() < 2 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    during(run, story).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_right_the_log_says_what_to_grant_and_ten_minutes_pass() {
    let fake = fake();
    let forbidden = json!({
        "message": "pods is forbidden: User \"guard\" cannot list resource \"pods\" in API group \"\"",
    });
    for _ in 0..2 {
        fake.arm(
            Method::GET,
            "/pods",
            Faked::Answer(403, "Forbidden", forbidden.clone()),
        );
    }
    let nudger = nudger(&fake);
    let mut told = None;
    let once = nudger.round().await.unwrap_err();
    assert_eq!((tell(&once, &mut told), &told), (None, &None));
    tokio::time::sleep(BEFORE_BELIEVED).await;
    let fault = nudger.round().await.unwrap_err();
    assert_eq!(tell(&fault, &mut told), Some(AFTER_REFUSAL));
    assert_eq!(
        told.as_deref(),
        Some("grant list on pods in namespace guard-system")
    );
}

#[tokio::test(start_paused = true)]
async fn trouble_is_tried_again_until_every_pod_was_touched() {
    let fake = fake();
    for _ in 0..3 {
        fake.arm(Method::PATCH, "guard-1", Faked::Text(503, "busy", None));
    }
    let nudger = nudger(&fake);
    let (changes, duty) = (watch::Sender::new(0), watch::Sender::new(Duty::Lead));
    let run = nudger.run(changes.subscribe(), duty.subscribe());
    let story = async {
        while mark_of(&fake, "guard-1").is_null() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    during(run, story).await;
    let of_first = patches(&fake);
    let of_first = of_first.iter().filter(|line| line.contains("guard-0"));
    assert_eq!(of_first.count(), 1, "once touched is enough");
}
