//! What the API servers' clocks may say, from the `Date` headers of their answers. Pure: no clock is read here.

use std::{collections::VecDeque, time::Duration};

use certgen::UnixTime;
use rotator_core::TimeBounds;

/// One `Date` header, and when the request was sent and answered by a monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// What the API server said: its time, cut to whole seconds (RFC 9110 §5.6.7).
    pub(crate) date: UnixTime,
    /// When the request left, since a moment that stays the same.
    pub(crate) sent: Duration,
    /// When the answer had come, since that moment.
    pub(crate) received: Duration,
}

/// The extremes of what was said in the last hour, carried forward by a monotonic clock.
///
/// Several API servers behind one address may differ, and the next answer may come from any of them: therefore
/// extremes, not the newest. The local wall clock has no say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    minutes: VecDeque<Minute>,
}

/// The extremes of one minute, in nanoseconds: the API server's time minus the monotonic clock's.
#[derive(Clone, Copy, Debug)]
struct Minute {
    number: u64,
    least: i128,
    most: i128,
}

const HOUR_IN_MINUTES: u64 = 60;
const SECOND: i128 = 1_000_000_000;

impl Witness {
    /// Takes one answer into account.
    pub(crate) fn hear(&mut self, sample: Sample) {
        let date = i128::from(sample.date.as_secs()) * SECOND;
        let said = Minute {
            number: minute(sample.received),
            least: date - nanoseconds(sample.received),
            most: date + SECOND - nanoseconds(sample.sent),
        };
        match self.minutes.back_mut() {
            Some(last) if last.number >= said.number => {
                last.least = last.least.min(said.least);
                last.most = last.most.max(said.most);
            }
            _ => self.minutes.push_back(said),
        }
        self.minutes.retain(|heard| is_recent(heard, said.number));
    }

    /// The bounds when the monotonic clock says `elapsed`; none before the first answer.
    ///
    /// After an hour of silence the last answer still counts: it is all that is known.
    pub(crate) fn bounds(&self, elapsed: Duration) -> Option<TimeBounds> {
        let last = self.minutes.back()?;
        let (least, most) = self
            .minutes
            .iter()
            .filter(|heard| is_recent(heard, minute(elapsed)))
            .fold((last.least, last.most), |(least, most), heard| {
                (least.min(heard.least), most.max(heard.most))
            });
        // One second for what a monotonic clock's rate and a leap second may do.
        Some(TimeBounds::new(
            unix_time(least + nanoseconds(elapsed) - SECOND),
            unix_time(most + nanoseconds(elapsed)),
        ))
    }
}

/// By how much the local wall clock disagrees with the API servers' clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skew {
    /// What the local wall clock says.
    pub local: UnixTime,
    /// What the API servers' clocks may say.
    pub witnessed: TimeBounds,
    /// How far the local wall clock lies outside of that; zero if inside.
    pub by: Duration,
}

impl Skew {
    /// Compares the two.
    pub(crate) fn between(local: UnixTime, witnessed: TimeBounds) -> Self {
        let before = witnessed.earliest().saturating_since(local);
        let after = local.saturating_since(witnessed.latest());
        Self {
            local,
            witnessed,
            by: before.max(after),
        }
    }
}

impl std::fmt::Display for Skew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            local,
            witnessed,
            by,
        } = self;
        write!(
            f,
            "the local clock says {local}, the API server {} to {}: {} s apart",
            witnessed.earliest(),
            witnessed.latest(),
            by.as_secs()
        )
    }
}

fn is_recent(heard: &Minute, now: u64) -> bool {
    heard.number.saturating_add(HOUR_IN_MINUTES) >= now
}

fn minute(elapsed: Duration) -> u64 {
    elapsed.as_secs() / 60
}

fn nanoseconds(length: Duration) -> i128 {
    i128::try_from(length.as_nanos()).unwrap_or(i128::MAX / 4)
}

fn unix_time(nanoseconds: i128) -> UnixTime {
    let seconds = nanoseconds.div_euclid(SECOND);
    UnixTime::from_secs(i64::try_from(seconds).unwrap_or(if seconds < 0 {
        i64::MIN
    } else {
        i64::MAX
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: i64 = 1_800_000_000;

    #[test]
    fn knows_nothing_before_the_first_answer() {
        assert_eq!(Witness::default().bounds(secs(5)), None);
    }

    #[test]
    fn an_instant_answer_leaves_one_second_to_each_side() {
        let witness = heard([sample(T0, secs(10), secs(10))]);
        assert_eq!(at(&witness, secs(10)), (T0 - 1, T0 + 1));
    }

    #[test]
    fn is_carried_forward() {
        let witness = heard([sample(T0, secs(10), secs(10))]);
        assert_eq!(at(&witness, secs(110)), (T0 + 99, T0 + 101));
    }

    #[test]
    fn a_slow_answer_widens_by_its_delay() {
        // The server may have written the date at any moment between.
        let witness = heard([sample(T0, secs(10), secs(14))]);
        assert_eq!(at(&witness, secs(14)), (T0 - 1, T0 + 5));
    }

    #[test]
    fn two_servers_that_differ_are_both_inside() {
        let witness = heard([
            sample(T0, secs(1), secs(1)),
            sample(T0 + 90, secs(2), secs(2)),
        ]);
        assert_eq!(at(&witness, secs(2)), (T0, T0 + 91));
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
        assert_eq!(at(&witness, secs(86_400)), (T0 + 86_399, T0 + 86_401));
    }

    #[test]
    fn after_a_suspend_the_first_answer_moves_the_latest_and_keeps_the_earliest() {
        // The monotonic clock stood still for a day.
        let mut witness = heard([sample(T0, secs(5), secs(5))]);
        witness.hear(sample(T0 + 86_400, secs(6), secs(6)));
        assert_eq!(at(&witness, secs(6)), (T0, T0 + 86_401));
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
            Skew::between(UnixTime::from_secs(local), witnessed)
                .by
                .as_secs()
        };
        assert_eq!(
            [by(90), by(99), by(100), by(110), by(111), by(200)],
            [10, 1, 0, 0, 1, 90]
        );
    }

    proptest! {
        /// Whatever the server's clock says and however slow the network is, the bounds hold the server's time.
        #[test]
        fn the_servers_time_is_always_inside(
            server_at_start in -10_000_000_000_000_i64..10_000_000_000_000,
            calls in prop::collection::vec((0_u64..120_000, 0_u64..9_000, 0_u64..9_000), 1..40),
            later in 0_u64..7_200_000,
        ) {
            // Milliseconds throughout; each call: pause, way there, way back.
            let server = |elapsed: u64| server_at_start + i64::try_from(elapsed).unwrap();
            let mut witness = Witness::default();
            let mut elapsed = 0;
            for (pause, there, back) in calls {
                let sent = elapsed + pause;
                elapsed = sent + there + back;
                witness.hear(sample(
                    server(sent + there).div_euclid(1000),
                    Duration::from_millis(sent),
                    Duration::from_millis(elapsed),
                ));
                let (earliest, latest) = at(&witness, Duration::from_millis(elapsed));
                let now = server(elapsed).div_euclid(1000);
                prop_assert!(earliest <= now && now <= latest, "{earliest} {now} {latest}");
            }
            let now = server(elapsed + later).div_euclid(1000);
            let (earliest, latest) = at(&witness, Duration::from_millis(elapsed + later));
            prop_assert!(earliest <= now && now <= latest, "{earliest} {now} {latest}");
        }

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
}
