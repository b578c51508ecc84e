//! What happens to a request on its way.

use std::time::Duration;

/// What happens to each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "scenarios choose one of them")]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It arrives so much later.
    Late(Duration),
    /// Status 429: it does not arrive, and the answer asks to wait for so many seconds.
    TooManyRequests {
        /// `Retry-After`.
        seconds: u64,
    },
    /// Status 403 in the authorizer's words, as of an API server that has just started: it does not arrive.
    Forbidden,
    /// Status 500: it does not arrive.
    ServerError,
    /// The connection breaks before it arrives.
    CutBefore,
    /// The connection breaks after it was carried out: the answer is lost.
    CutAfter,
    /// A read is answered as it was answered when this began; everything else arrives.
    StaleReads,
}

impl Fault {
    /// All that last for a while and that a program bears for as long, with moderate values.
    pub const ALL: [Self; 6] = [
        Self::Late(Duration::from_secs(2)),
        Self::TooManyRequests { seconds: 2 },
        Self::ServerError,
        Self::CutBefore,
        Self::CutAfter,
        Self::StaleReads,
    ];
}
