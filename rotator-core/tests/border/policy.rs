//! Which durations make a policy, on both sides of each limit, and in what words the others are refused.

use std::time::Duration;

use certgen::KeyAlgorithm;
use rotator_core::{Durations, Policy, PolicyError, PolicyWarning};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Six generations at most, and each part as long as the rest allows.
fn tight() -> Durations {
    Durations {
        ca_lifetime: secs(100),
        ca_renew_after: secs(50),
        dwell: secs(20),
        leaf_lifetime: secs(30),
        leaf_renew_before: secs(29),
        clock_allowance: secs(2),
    }
}

fn policy(change: impl FnOnce(&mut Durations)) -> Result<Policy, PolicyError> {
    let mut durations = tight();
    change(&mut durations);
    Policy::new(durations, KeyAlgorithm::P384)
}

#[test]
fn a_policy_that_exists_is_the_one_that_was_asked_for() {
    let policy = policy(|_| ()).unwrap();
    assert_eq!(policy.durations(), &tight());
    assert_eq!(policy.algorithm(), KeyAlgorithm::P384);
    let standard = Policy::new(Durations::DEFAULT, KeyAlgorithm::P256);
    assert_eq!(standard, Ok(Policy::standard()));
    assert_eq!(Durations::DEFAULT.leaf_lifetime, secs(2_592_000));
}

#[test]
fn a_duration_is_a_whole_number_of_seconds_that_a_certificate_can_last() {
    let longest = secs(366 * 8000 * 86_400);
    for (duration, is_taken) in [
        (secs(0), false),
        (secs(1), true),
        (Duration::from_millis(1500), false),
    ] {
        let judged = policy(|durations| durations.dwell = duration);
        assert_eq!(judged.is_ok(), is_taken, "{judged:?}");
    }
    let of_ages = |ca_lifetime| {
        policy(|durations| {
            durations.ca_lifetime = ca_lifetime;
            durations.ca_renew_after = longest / 2;
        })
    };
    assert!(of_ages(longest).is_ok());
    assert!(matches!(
        of_ages(longest + secs(1)),
        Err(PolicyError::TooLong {
            flag: "--ca-lifetime",
            ..
        })
    ));
}

#[test]
fn each_limit_holds_on_both_sides_and_is_told_in_words() {
    let refused = |change: fn(&mut Durations)| policy(change).unwrap_err().to_string();
    assert_eq!(
        refused(|durations| durations.clock_allowance = secs(1)),
        "--clock-allowance is 1s: the API server tells the time in whole seconds, give at least 2s"
    );
    assert_eq!(
        refused(|durations| durations.leaf_renew_before = secs(30)),
        "--leaf-renew-before is 30s but --leaf-lifetime only 30s: renew later, or let leaves live longer"
    );
    assert_eq!(
        refused(|durations| durations.ca_lifetime = secs(99)),
        "--ca-lifetime is 1m 39s but --ca-renew-after, --dwell and --leaf-lifetime add up to 1m 40s: give at least that"
    );
}

#[test]
fn no_more_than_six_generations_live_at_once() {
    let renewed_after = |ca_renew_after| {
        policy(|durations| {
            durations.ca_lifetime = secs(98 * 3600);
            durations.clock_allowance = secs(2 * 3600);
            durations.ca_renew_after = ca_renew_after;
        })
    };
    assert!(renewed_after(secs(20 * 3600)).is_ok());
    let refused = renewed_after(secs(20 * 3600 - 1)).unwrap_err().to_string();
    assert!(
        refused.starts_with("7 generations") && refused.contains("19h 59m 59s"),
        "{refused}"
    );
}

#[test]
fn a_first_root_is_backdated_by_the_allowance_or_a_fiftieth_of_its_life() {
    let backdating = |clock_allowance| {
        policy(|durations| {
            durations.ca_lifetime = secs(5000);
            durations.ca_renew_after = secs(2500);
            durations.clock_allowance = clock_allowance;
        })
        .unwrap()
        .backdating()
    };
    assert_eq!(
        (backdating(secs(2)), backdating(secs(200))),
        (secs(100), secs(200))
    );
}

#[test]
fn a_dwell_of_half_the_renewal_time_is_warned_of() {
    let warnings = |dwell| {
        policy(|durations| {
            durations.dwell = dwell;
            durations.leaf_renew_before = secs(20);
        })
        .unwrap()
        .warnings()
    };
    assert_eq!(warnings(secs(9)), []);
    let warned = warnings(secs(10));
    assert!(matches!(*warned, [PolicyWarning::DwellNearRenewal { .. }]));
    let told: Vec<_> = warned.iter().map(ToString::to_string).collect();
    assert!(
        told.concat()
            .starts_with("--dwell is 10s and --leaf-renew-before 20s"),
        "{told:?}"
    );
}

#[test]
fn a_duration_is_told_as_people_write_it() {
    for (duration, words) in [
        (secs(366 * 8000 * 86_400 + 86_400), "2928001d"),
        (secs(366 * 8000 * 86_400 + 1), "2928000d 1s"),
        (secs(366 * 8000 * 86_400 + 7_384), "2928000d 2h 3m 4s"),
    ] {
        let refused = policy(|durations| durations.dwell = duration).unwrap_err();
        let words = format!("--dwell is {words}:");
        assert!(refused.to_string().starts_with(&words), "{refused}");
    }
}
