//! Tests of the election, against a scripted API server.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::*;
use crate::fake::{Fake, Fault as Meets, soon};

const LEASE_PATH: &str =
    "/apis/coordination.k8s.io/v1/namespaces/guard-system/leases/guard-webhook-certs";

#[tokio::test(start_paused = true)]
async fn the_first_leads_and_the_second_when_the_first_gives_up() {
    let fake = Fake::new();
    let (mut one, mut two) = (election(&fake, "one"), election(&fake, "two"));
    let (duty_one, duty_two) = (standing_by(), standing_by());
    {
        let first = one.run(&duty_one);
        tokio::pin!(first);
        tokio::select! {
            () = &mut first => {}
            () = becomes(&duty_one, Duty::Lead) => {}
        }
        tokio::select! {
            () = two.run(&duty_two) => {}
            () = &mut first => {}
            () = tokio::time::sleep(Duration::from_secs(300)) => {}
        }
    }
    assert_eq!(*duty_two.borrow(), Duty::StandBy);
    one.release().await;
    tokio::select! {
        () = two.run(&duty_two) => {}
        () = becomes(&duty_two, Duty::Lead) => {}
    }
    let lease = fake.get(LEASE_PATH).unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "two");
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_vanishes_is_replaced() {
    let fake = Fake::new();
    let (mut one, mut two) = (election(&fake, "one"), election(&fake, "two"));
    let (duty_one, duty_two) = (standing_by(), standing_by());
    tokio::select! {
        () = one.run(&duty_one) => {}
        () = becomes(&duty_one, Duty::Lead) => {}
    }
    tokio::select! {
        () = two.run(&duty_two) => {}
        () = becomes(&duty_two, Duty::Lead) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hears_nothing_stands_by_before_another_may_claim() {
    let fake = Fake::new();
    let duty = standing_by();
    let mut one = election(&fake, "one");
    let run = one.run(&duty);
    tokio::pin!(run);
    tokio::select! {
        () = &mut run => {}
        () = becomes(&duty, Duty::Lead) => {}
    }
    let led = tokio::time::Instant::now();
    // A slow read and then a write without an answer would take twenty seconds.
    for method in [Method::GET, Method::PUT] {
        fake.arm(method, LEASE_PATH, Meets::Silence);
    }
    tokio::select! {
        () = &mut run => {}
        () = becomes(&duty, Duty::StandBy) => {}
    }
    assert!(led.elapsed() < LEASE, "{:?}", led.elapsed());
    // It leads again when the API server answers again.
    tokio::select! {
        () = &mut run => {}
        () = becomes(&duty, Duty::Lead) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn where_a_policy_refuses_leases_everybody_leads() {
    let fake = Fake::new();
    let message = "exceeded quota: leases";
    let refused = Meets::Answer(403, "Forbidden", json!({ "message": message }));
    for _ in 0..2 {
        fake.arm(Method::POST, "/leases", refused.clone());
    }
    let duty = standing_by();
    let mut one = election(&fake, "one");
    tokio::select! {
        () = one.run(&duty) => {}
        () = becomes(&duty, Duty::Lead) => {}
    }
    assert_eq!(fake.get(LEASE_PATH), None);
}

#[tokio::test(start_paused = true)]
async fn where_leases_are_forbidden_everybody_leads() {
    let message = "leases is forbidden: User \"u\" cannot get resource";
    let fake = Fake::new();
    let forbidden = Meets::Answer(403, "Forbidden", json!({ "message": message }));
    for _ in 0..2 {
        fake.arm(Method::GET, LEASE_PATH, forbidden.clone());
    }
    let duty = standing_by();
    let mut one = election(&fake, "one");
    tokio::select! {
        () = one.run(&duty) => {}
        () = becomes(&duty, Duty::Lead) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn one_refusal_makes_nobody_lead_and_is_not_told() {
    for message in [
        "leases is forbidden: User \"u\" cannot get resource",
        "exceeded quota: leases",
    ] {
        let fake = Fake::new();
        let other = json!({ "metadata": {}, "spec": { "holderIdentity": "other" } });
        fake.put(LEASE_PATH, other);
        let refused = Meets::Answer(403, "Forbidden", json!({ "message": message }));
        fake.arm(Method::GET, LEASE_PATH, refused);
        let duty = standing_by();
        let mut one = election(&fake, "one");
        tokio::select! {
            () = one.run(&duty) => {}
            () = becomes(&duty, Duty::Lead) => panic!("{message}: leads"),
            () = tokio::time::sleep(RETRY * 2) => {}
        }
        assert_eq!(one.told, Told::StandsBy("other".into()), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_change_of_who_leads_is_told() {
    let fake = Fake::new();
    let duty = standing_by();
    let mut one = election(&fake, "one");
    tokio::select! {
        () = one.run(&duty) => {}
        () = becomes(&duty, Duty::Lead) => {}
    }
    assert_eq!(one.told, Told::Leads);
    for _ in 0..3 {
        fake.arm(Method::GET, LEASE_PATH, Meets::Text(503, "away", None));
    }
    tokio::select! {
        () = one.run(&duty) => {}
        () = becomes(&duty, Duty::StandBy) => {}
    }
    assert_eq!(one.told, Told::Lost);
    tokio::select! {
        () = one.run(&duty) => {}
        () = becomes(&duty, Duty::Lead) => {}
    }
    assert_eq!(one.told, Told::Leads, "regained");
    let other = json!({ "metadata": {}, "spec": { "holderIdentity": "other" } });
    fake.put(LEASE_PATH, other);
    tokio::select! {
        () = one.run(&duty) => {}
        () = becomes(&duty, Duty::StandBy) => {}
    }
    assert_eq!(one.told, Told::StandsBy("other".into()));
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_into_the_lease_stays() {
    let fake = Fake::new();
    fake.put(
        LEASE_PATH,
        json!({ "metadata": { "labels": { "team": "x" } }, "spec": {} }),
    );
    let duty = standing_by();
    let mut one = election(&fake, "one");
    tokio::select! {
        () = one.run(&duty) => {}
        () = becomes(&duty, Duty::Lead) => {}
    }
    let lease = fake.get(LEASE_PATH).unwrap();
    assert_eq!(lease["metadata"]["labels"]["team"], "x");
    assert_eq!(lease["spec"]["renewTime"], "2026-11-24T11:30:34.000000Z");
}

fn election(fake: &Fake, identity: &str) -> Election {
    Election::new(&fake.api(), "guard-system", "guard-webhook-certs", identity)
}

fn standing_by() -> watch::Sender<Duty> {
    watch::Sender::new(Duty::StandBy)
}

async fn becomes(duty: &watch::Sender<Duty>, wanted: Duty) {
    let mut duty = duty.subscribe();
    soon(duty.wait_for(|duty| *duty == wanted)).await.unwrap();
}
