//! What people are told, and what they are not.

use certgen::UnixTime;
use rotator_core::{EntryName, Event, Lane, LeafReason, Record, RecordName, TargetRef};

fn record() -> RecordName {
    RecordName::new("guard-tls")
}

fn target() -> TargetRef {
    TargetRef::new("APIService", "v1.guard.example.com")
}

#[test]
fn names_are_shown_as_they_are_written() {
    assert_eq!(
        (record().to_string().as_str(), record().as_str()),
        ("guard-tls", "guard-tls")
    );
    assert_eq!(target().to_string(), "APIService/v1.guard.example.com");
    assert_eq!(
        (target().kind(), target().name()),
        ("APIService", "v1.guard.example.com")
    );
    let entry = EntryName::new("a");
    assert_eq!((entry.to_string().as_str(), entry.as_str()), ("a", "a"));
}

#[test]
fn a_lane_is_called_by_its_object() {
    let lanes = [
        Lane::Authority,
        Lane::Serving(record()),
        Lane::Target(target()),
    ];
    assert_eq!(
        lanes.map(|lane| lane.to_string()),
        [
            "authority",
            "serving record guard-tls",
            "target APIService/v1.guard.example.com"
        ]
    );
}

#[test]
fn an_event_is_one_line_that_says_why() {
    let issued = Event::LeafIssued {
        record: record(),
        generation: 2,
        not_after: UnixTime::from_secs(0),
        reason: LeafReason::Expiry,
    };
    assert_eq!(
        issued.to_string(),
        "serving certificate issued into guard-tls by generation 2, ends 1970-01-01T00:00:00Z: it was about to end"
    );
    let forgotten = Event::Forgotten {
        generations: vec![1, 2],
    };
    assert_eq!(
        forgotten.to_string(),
        "ended roots forgotten, of generation 1 2"
    );
}

#[test]
fn a_record_shows_names_and_sizes_and_no_secret() {
    let mut record = Record::new();
    record.insert("tls.key", "secret");
    assert_eq!(format!("{record:?}"), r#"{"tls.key": <redacted, 6 bytes>}"#);
    assert!(!record.is_empty() && Record::new().is_empty());
    assert_eq!(record.names().collect::<Vec<_>>(), ["tls.key"]);
}
