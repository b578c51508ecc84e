//! Tests of the clock.

use std::{error::Error, time::Duration};

use http::Method;
use serde_json::json;

use super::*;
use crate::fake::{DATE_SECS, Fake, Fault};

#[tokio::test(start_paused = true)]
async fn knows_nothing_before_the_first_answer_and_the_servers_time_after() {
    let fake = Fake::new();
    let clock = KubeClock::new(&fake.api());
    assert_eq!(clock.bounds(), None);
    assert_eq!(clock.skew(), None);
    let fresh = clock.fresh().await.unwrap();
    assert_eq!(ends(fresh), (DATE_SECS - 1, DATE_SECS + 2));
    tokio::time::advance(Duration::from_secs(100)).await;
    assert_eq!(
        ends(clock.bounds().unwrap()),
        (DATE_SECS + 99, DATE_SECS + 102)
    );
}

#[tokio::test(start_paused = true)]
async fn every_answer_counts_whoever_asked() {
    let fake = Fake::new();
    let api = fake.api();
    let clock = KubeClock::new(&api);
    let request = http::Request::get("/nothing").body(Vec::new()).unwrap();
    let answer = api.call(request, &Needs::new("get", "nothing")).await;
    assert!(answer.is_err());
    assert_eq!(
        ends(clock.bounds().unwrap()),
        (DATE_SECS - 1, DATE_SECS + 2)
    );
}

#[tokio::test(start_paused = true)]
async fn the_local_clock_has_no_say() {
    // These dates are far from the machine's own.
    for (date, secs) in [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Mon, 01 Jan 2300 00:00:00 GMT", 10_413_792_000),
    ] {
        let fake = Fake::new();
        fake.set_date(date);
        let clock = KubeClock::new(&fake.api());
        assert_eq!(ends(clock.fresh().await.unwrap()), (secs - 1, secs + 2));
        let skew = clock.skew().unwrap();
        assert!(skew.by > Duration::from_secs(86_400 * 365), "{skew}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_tells_the_time_as_well() {
    let fake = Fake::new();
    let clock = KubeClock::new(&fake.api());
    fake.arm(
        Method::GET,
        "/version",
        Fault::Answer(403, "Forbidden", json!({})),
    );
    assert!(clock.fresh().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn no_answer_no_date_and_a_gateways_date_are_no_fresh_bounds() {
    let fake = Fake::new();
    let clock = KubeClock::new(&fake.api());
    clock.fresh().await.unwrap();
    fake.arm(Method::GET, "/version", Fault::Silence);
    assert!(clock.fresh().await.is_err());
    fake.arm(
        Method::GET,
        "/version",
        Fault::Text(502, "bad gateway", None),
    );
    assert!(clock.fresh().await.is_err());
    fake.set_date("yesterday");
    let error = clock.fresh().await.unwrap_err();
    assert_eq!(
        error.source().unwrap().to_string(),
        "the answer has no `Date` that can be read"
    );
    // The bounds from earlier answers stay.
    assert!(clock.bounds().is_some());
}

fn ends(bounds: TimeBounds) -> (i64, i64) {
    (bounds.earliest().as_secs(), bounds.latest().as_secs())
}
