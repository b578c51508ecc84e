//! Points in time as certificates and verifiers count them: whole seconds.

use core::{fmt, time::Duration};

use time::OffsetDateTime;

/// Seconds since 1970-01-01T00:00:00Z; any `i64`. Arithmetic saturates, so no value can make it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The earliest point in time.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest point in time.
    pub const MAX: Self = Self(i64::MAX);

    /// The point in time `secs` seconds after 1970-01-01T00:00:00Z.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// `span` later. Fractions of a second are dropped.
    #[must_use]
    pub const fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(span.as_secs()))
    }

    /// `span` earlier. Fractions of a second are dropped.
    #[must_use]
    pub const fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(span.as_secs()))
    }

    /// The time since `earlier`; zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        if self.0 <= earlier.0 {
            Duration::ZERO
        } else {
            Duration::from_secs(self.0.abs_diff(earlier.0))
        }
    }

    /// Whether a certificate can express it: the years 1950 to 9999 (RFC 5280 §4.1.2.5).
    pub const fn is_expressible(self) -> bool {
        FIRST <= self.0 && self.0 <= LAST
    }

    pub(crate) fn to_date_time(self) -> Option<OffsetDateTime> {
        self.is_expressible()
            .then(|| OffsetDateTime::from_unix_timestamp(self.0).ok())
            .flatten()
    }
}

/// 1950-01-01T00:00:00Z, the first moment of `UTCTime`.
const FIRST: i64 = -631_152_000;
/// 9999-12-31T23:59:59Z, the last of `GeneralizedTime`.
const LAST: i64 = 253_402_300_799;

/// Writes RFC 3339 in UTC if a certificate can express the time, else `@` and the seconds.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_date_time() {
            None => write!(f, "@{}", self.0),
            Some(date) => {
                let (hour, minute, second) = date.to_hms();
                let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
                write!(
                    f,
                    "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn prints_as_rfc_3339_where_a_certificate_could() {
        assert_eq!(UnixTime::from_secs(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(
            UnixTime::from_secs(LAST).to_string(),
            "9999-12-31T23:59:59Z"
        );
        assert_eq!(UnixTime::from_secs(LAST + 1).to_string(), "@253402300800");
        assert_eq!(
            UnixTime::from_secs(FIRST).to_string(),
            "1950-01-01T00:00:00Z"
        );
        assert!(!UnixTime::from_secs(FIRST - 1).is_expressible());
    }

    #[test]
    fn arithmetic_saturates() {
        let day = Duration::from_secs(86_400);
        assert_eq!(UnixTime::MAX.saturating_add(day), UnixTime::MAX);
        assert_eq!(UnixTime::MIN.saturating_sub(day), UnixTime::MIN);
        assert_eq!(
            UnixTime::MIN.saturating_since(UnixTime::MAX),
            Duration::ZERO
        );
        assert_eq!(
            UnixTime::MAX.saturating_since(UnixTime::MIN),
            Duration::from_secs(u64::MAX)
        );
    }
}
