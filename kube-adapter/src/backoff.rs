//! How long to wait after the n-th failure in a row.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// A back-off that doubles from half a second to half a minute.
///
/// A random part of each wait is taken away, so that clients that failed together do not retry together.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the wait after one more failure: at least as long as the API server asked for.
    pub(crate) fn after_failure(&mut self, asked: Option<Duration>) -> Duration {
        let longest = longest(self.failures);
        self.failures = self.failures.saturating_add(1);
        jittered(longest, random_byte()).max(asked.unwrap_or_default())
    }

    /// Starts over after a call that succeeded.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

fn longest(failures: u32) -> Duration {
    2_u32
        .checked_pow(failures)
        .and_then(|times| FIRST.checked_mul(times))
        .map_or(LONGEST, |wait| wait.min(LONGEST))
}

/// A wait between half of `longest` and all of it.
fn jittered(longest: Duration, random: u8) -> Duration {
    longest.saturating_sub(longest / 2 * u32::from(random) / 255)
}

fn random_byte() -> u8 {
    let mut byte = [0];
    match SystemRandom::new().fill(&mut byte) {
        Ok(()) => u8::from_be_bytes(byte),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_half_a_minute() {
        let waits: Vec<u128> = (0..9)
            .map(|failures| longest(failures).as_millis())
            .collect();
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(longest(u32::MAX), LONGEST);
    }

    #[test]
    fn jitter_leaves_at_least_half() {
        assert_eq!(jittered(LONGEST, 0), LONGEST);
        assert_eq!(jittered(LONGEST, 255), LONGEST / 2);
    }

    #[test]
    fn waits_as_long_as_asked() {
        let asked = Duration::from_secs(77);
        assert_eq!(Backoff::default().after_failure(Some(asked)), asked);
    }
}
