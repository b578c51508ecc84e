//! An API server whose certificate is refused because of the local clock.

use std::{error::Error, fmt};

use certgen::UnixTime;
use rotator_core::TimeBounds;
use rustls::{CertificateError as Bad, Error as Tls};

/// The API server's certificate is not valid by the local clock, which rustls uses.
///
/// Verification stays as it is: no request goes to that API server until the clock, or the certificate, is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrongClock {
    /// What is wrong by the local clock.
    pub trouble: Trouble,
    /// What the local clock says.
    pub local: UnixTime,
    /// What the API servers' clocks may say, by their last answers.
    pub witnessed: Option<TimeBounds>,
}

/// What is wrong with a certificate by a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two sides of a period")]
pub enum Trouble {
    /// It expired at this time, if known.
    Ended(Option<UnixTime>),
    /// It becomes valid at this time, if known.
    NotStarted(Option<UnixTime>),
}

impl Trouble {
    /// Returns why TLS failed, if a certificate is not valid *now*.
    pub(crate) fn of(error: &Tls) -> Option<Self> {
        match error {
            Tls::InvalidCertificate(bad) => Self::of_certificate(bad),
            _ => None,
        }
    }

    fn of_certificate(bad: &Bad) -> Option<Self> {
        match bad {
            Bad::Expired => Some(Self::Ended(None)),
            Bad::ExpiredContext { not_after, .. } => Some(Self::Ended(unix_time(*not_after))),
            Bad::NotValidYet => Some(Self::NotStarted(None)),
            Bad::NotValidYetContext { not_before, .. } => {
                Some(Self::NotStarted(unix_time(*not_before)))
            }
            _ => None,
        }
    }

    /// Whether it is so by the API servers' clocks as well; none if unknown.
    fn is_true(self, witnessed: Option<TimeBounds>) -> Option<bool> {
        let witnessed = witnessed?;
        match self {
            Self::Ended(end) => Some(witnessed.latest() > end?),
            Self::NotStarted(start) => Some(witnessed.earliest() < start?),
        }
    }
}

fn unix_time(time: rustls::pki_types::UnixTime) -> Option<UnixTime> {
    i64::try_from(time.as_secs()).ok().map(UnixTime::from_secs)
}

impl fmt::Display for WrongClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trouble,
            local,
            witnessed,
        } = self;
        f.write_str("by the local clock the API server's certificate ")?;
        match trouble {
            Trouble::Ended(Some(end)) => write!(f, "ended {end}")?,
            Trouble::Ended(None) => f.write_str("has ended")?,
            Trouble::NotStarted(Some(start)) => write!(f, "starts {start}")?,
            Trouble::NotStarted(None) => f.write_str("is not valid yet")?,
        }
        write!(f, ", and that clock says {local}; ")?;
        match witnessed {
            Some(bounds) => write!(
                f,
                "by the API server's last answer it is {} to {}",
                bounds.earliest(),
                bounds.latest()
            ),
            None => f.write_str("the API server has not told its time yet"),
        }?;
        f.write_str(match trouble.is_true(*witnessed) {
            Some(false) => ": set the local clock right",
            Some(true) => ": renew the API server's certificate",
            None => ": set the local clock right, or renew the API server's certificate",
        })
    }
}

impl Error for WrongClock {}

#[cfg(test)]
mod tests;
