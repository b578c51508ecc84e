//! What may be tried again without anybody's help, and when.

use std::time::Duration;

use rotator_core::{PatchError, StepError, StoreError};

const ASKED: Option<Duration> = Some(Duration::from_secs(7));

fn store_errors() -> [(StoreError, bool, Option<Duration>); 6] {
    let (verb, object) = ("get".to_owned(), "secrets/guard-ca".to_owned());
    let unavailable = StoreError::Unavailable {
        retry_after: ASKED,
        source: "no answer".into(),
    };
    let unreadable = StoreError::Unreadable {
        object: object.clone(),
        reason: "garbled".to_owned(),
    };
    let refused = StoreError::Refused {
        reason: "a quota".to_owned(),
    };
    [
        (StoreError::Conflict, true, None),
        (unavailable, true, ASKED),
        (StoreError::Forbidden { verb, object }, false, None),
        (unreadable, false, None),
        (refused, false, None),
        (StoreError::TooLarge { size: 2, limit: 1 }, false, None),
    ]
}

fn patch_errors() -> [(PatchError, bool, Option<Duration>); 6] {
    let (verb, object) = ("patch".to_owned(), "guard.example.com".to_owned());
    let unavailable = PatchError::Unavailable {
        retry_after: ASKED,
        source: "no answer".into(),
    };
    let refused = PatchError::Refused {
        reason: "a policy".to_owned(),
    };
    [
        (PatchError::Conflict, true, None),
        (PatchError::NotFound, true, None),
        (
            PatchError::Paced {
                wait: Duration::from_secs(1),
            },
            true,
            None,
        ),
        (unavailable, true, ASKED),
        (PatchError::Forbidden { verb, object }, false, None),
        (refused, false, None),
    ]
}

#[test]
fn what_needs_a_human_is_not_transient_and_what_was_asked_for_is_waited_for() {
    for (error, is_transient, wait) in store_errors() {
        assert_eq!(error.is_transient(), is_transient, "{error}");
        assert_eq!(error.retry_after(), wait, "{error}");
        assert_eq!(StepError::Store(error).is_transient(), is_transient);
    }
    for (error, is_transient, _) in store_errors() {
        assert_eq!(StepError::Read(error).is_transient(), is_transient);
    }
    for (error, is_transient, wait) in patch_errors() {
        assert_eq!(error.is_transient(), is_transient, "{error}");
        assert_eq!(error.retry_after(), wait, "{error}");
        assert_eq!(StepError::Patch(error).is_transient(), is_transient);
    }
    assert!(StepError::TargetUnavailable.is_transient() && StepError::Vanished.is_transient());
    assert!(!StepError::BundleCheck.is_transient());
}

#[test]
fn only_the_ordinary_outcome_of_two_writers_is_a_conflict() {
    let stores = store_errors().map(|(error, ..)| StepError::Store(error).is_conflict());
    assert_eq!(stores, [true, false, false, false, false, false]);
    let patches = patch_errors().map(|(error, ..)| StepError::Patch(error).is_conflict());
    assert_eq!(patches, [true, true, false, false, false, false]);
    let reads = store_errors().map(|(error, ..)| StepError::Read(error).is_conflict());
    assert_eq!(reads, [false; 6]);
}
