//! Tests of the witness, by hand.

use proptest::prelude::*;

use super::*;

const T0: i64 = 1_800_000_000;

#[test]
fn knows_nothing_before_the_first_answer() {
    assert_eq!(Witness::default().bounds(secs(5)), None);
}

#[test]
fn an_instant_answer_leaves_a_second_to_each_side_of_the_one_it_names() {
    let witness = heard([sample(T0, secs(10), secs(10))]);
    assert_eq!(at(&witness, secs(10)), (T0 - 1, T0 + 2));
}

#[test]
fn is_carried_forward() {
    let witness = heard([sample(T0, secs(10), secs(10))]);
    assert_eq!(at(&witness, secs(110)), (T0 + 99, T0 + 102));
}

#[test]
fn a_slow_answer_widens_by_its_delay() {
    // The server may have written the date at any moment between.
    let witness = heard([sample(T0, secs(10), secs(14))]);
    assert_eq!(at(&witness, secs(14)), (T0 - 1, T0 + 6));
}

#[test]
fn two_servers_that_differ_are_both_inside() {
    let witness = heard([
        sample(T0, secs(1), secs(1)),
        sample(T0 + 90, secs(2), secs(2)),
    ]);
    assert_eq!(at(&witness, secs(2)), (T0, T0 + 92));
}

#[test]
fn the_other_server_counts_for_an_hour_and_no_longer() {
    let mut witness = heard([sample(T0 - 600, secs(0), secs(0))]);
    witness.hear(sample(T0 + 3600, secs(3600), secs(3600)));
    assert_eq!(at(&witness, secs(3600)).0, T0 + 3000 - 1);
    witness.hear(sample(T0 + 3660, secs(3660), secs(3660)));
    assert_eq!(at(&witness, secs(3660)).0, T0 + 3660 - 1);
}

#[test]
fn the_last_answer_counts_until_there_is_another() {
    let witness = heard([sample(T0, secs(0), secs(0))]);
    assert_eq!(at(&witness, secs(86_400)), (T0 + 86_399, T0 + 86_402));
}

#[test]
fn after_a_suspend_the_first_answer_moves_the_latest_and_keeps_the_earliest() {
    // The monotonic clock stood still for a day.
    let mut witness = heard([sample(T0, secs(5), secs(5))]);
    witness.hear(sample(T0 + 86_400, secs(6), secs(6)));
    assert_eq!(at(&witness, secs(6)), (T0, T0 + 86_402));
}

#[test]
fn remembers_little() {
    let mut witness = Witness::default();
    for second in 0..100_000 {
        witness.hear(sample(T0, secs(second), secs(second)));
    }
    assert!(witness.minutes.len() <= 61, "{}", witness.minutes.len());
}

#[test]
fn skew_is_the_distance_to_the_nearer_bound() {
    let witnessed = TimeBounds::new(UnixTime::from_secs(100), UnixTime::from_secs(110));
    let by = |local| {
        Skew::between(UnixTime::from_secs(local), witnessed, 1)
            .by
            .as_secs()
    };
    assert_eq!(
        [by(90), by(99), by(100), by(110), by(111), by(200)],
        [10, 1, 0, 0, 1, 90]
    );
}

proptest! {
    #[test]
    fn any_arguments_are_fine(
        date: i64, sent: Duration, received: Duration, elapsed: Duration,
    ) {
        let witness = heard([sample(date, sent, received)]);
        let bounds = witness.bounds(elapsed).unwrap();
        prop_assert!(bounds.earliest() <= bounds.latest());
    }
}

fn heard<const N: usize>(samples: [Sample; N]) -> Witness {
    let mut witness = Witness::default();
    for sample in samples {
        witness.hear(sample);
    }
    witness
}

fn sample(date: i64, sent: Duration, received: Duration) -> Sample {
    Sample {
        date: UnixTime::from_secs(date),
        sent,
        received,
    }
}

fn at(witness: &Witness, elapsed: Duration) -> (i64, i64) {
    let bounds = witness.bounds(elapsed).unwrap();
    (bounds.earliest().as_secs(), bounds.latest().as_secs())
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
