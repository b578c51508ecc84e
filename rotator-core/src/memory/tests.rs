//! How long an action waits that failed, or was reverted.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn publication(needed: &[u8]) -> Publication {
    Publication {
        target: target(),
        needed: needed
            .iter()
            .map(|byte| Fingerprint::from_bytes([*byte; 32]))
            .collect(),
        entries: std::vec::Vec::new(),
        left_out: BTreeSet::new(),
        urgency: crate::plan::Urgency::Routine,
    }
}

fn target() -> TargetRef {
    TargetRef::new("ValidatingWebhookConfiguration", "guard")
}

#[test]
fn who_undoes_a_write_again_and_again_is_given_more_and_more_time() {
    let mut memory = Memory::default();
    assert_eq!(memory.truce(&target()), None);
    let mut at = Duration::ZERO;
    assert!(!memory.published(&publication(&[1]), at), "the first");
    assert_eq!(
        memory.truce(&target()),
        None,
        "no writer has reverted it yet"
    );
    let mut waits = std::vec::Vec::new();
    for _ in 0..12 {
        at += memory.truce(&target()).unwrap_or(SECOND);
        assert!(memory.published(&publication(&[1]), at));
        waits.extend(memory.truce(&target()).map(|wait| wait.as_secs()));
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]);
    // Long after, it is no answer to the last write.
    at += Duration::from_secs(1201);
    memory.published(&publication(&[1]), at);
    assert_eq!(memory.truce(&target()), None);
    assert!(!memory.published(&publication(&[2]), at), "other content");
}

#[test]
fn a_lane_is_pending_since_it_first_had_something_to_do() {
    let mut memory = Memory::default();
    let (first, second) = (Lane::Authority, Lane::Target(target()));
    let at = |seconds| SECOND * seconds;
    memory.pending([&first].into_iter(), at(10));
    memory.pending([&first, &second].into_iter(), at(15));
    assert_eq!(memory.pending_for(&first, at(20)), at(10));
    assert_eq!(memory.pending_for(&second, at(20)), at(5));
    memory.pending([&second].into_iter(), at(25));
    assert_eq!(memory.pending_for(&first, at(30)), Duration::ZERO);
    memory.pending([&first, &second].into_iter(), at(30));
    assert_eq!(memory.pending_for(&first, at(31)), at(1), "anew");
}

#[test]
fn reads_that_failed_are_tried_again_and_success_ends_it() {
    let mut memory = Memory::default();
    let lane = Lane::Authority;
    assert_eq!(memory.read_again_at(), None);
    memory.not_read(&lane, None, SECOND * 10);
    assert_eq!(memory.read_again_at(), Some(SECOND * 11));
    assert!(
        !memory.must_not_read(&lane, SECOND * 10),
        "a change is looked at"
    );
    memory.not_read(&lane, Some(SECOND * 5), SECOND * 20);
    assert_eq!(memory.read_again_at(), Some(SECOND * 25));
    for (seconds, is_asked_for) in [(24, true), (25, false)] {
        let must_not = memory.must_not_read(&lane, SECOND * seconds);
        assert_eq!(must_not, is_asked_for, "{seconds}");
    }
    memory.read(&lane);
    assert_eq!(memory.read_again_at(), None);
    // A proxy that asks for no wait at all is given the same as one that asks for nothing.
    memory.not_read(&lane, Some(Duration::ZERO), SECOND * 30);
    assert_eq!(memory.read_again_at(), Some(SECOND * 31));
}

#[test]
fn a_record_that_is_to_be_left_alone_keeps_no_other_from_being_read() {
    let mut memory = Memory::default();
    let other = Lane::Serving(RecordName::new("guard-tls"));
    memory.not_read(&Lane::Authority, Some(SECOND * 500), SECOND * 10);
    assert!(memory.must_not_read(&Lane::Authority, SECOND * 69));
    assert!(
        !memory.must_not_read(&Lane::Authority, SECOND * 70),
        "a minute is enough"
    );
    assert!(!memory.must_not_read(&other, SECOND * 11));
    memory.not_read(&other, None, SECOND * 11);
    assert_eq!(memory.read_again_at(), Some(SECOND * 12), "the first");
}

#[test]
fn a_success_ends_the_hold_of_its_lane() {
    let mut memory = Memory::default();
    memory.failed(&Lane::Authority, None, SECOND);
    memory.failed(&Lane::Target(target()), None, SECOND);
    let held = |memory: &Memory| {
        let failures = memory.failures.iter();
        failures
            .map(|(lane, failure)| (lane.clone(), failure.until))
            .collect::<std::vec::Vec<_>>()
    };
    assert_eq!(held(&memory).len(), 2);
    memory.succeeded(&Lane::Authority);
    assert_eq!(held(&memory), [(Lane::Target(target()), SECOND * 2)]);
}
