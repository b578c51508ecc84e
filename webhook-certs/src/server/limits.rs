//! Limits on the memory, time and descriptors of one server.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What callers may take of the server's memory, time and descriptors. Sizes are in bytes.
///
/// | what | default | beyond it |
/// |---|---|---|
/// | [`admission_body`](Self::admission_body) | 7 MiB | 413 |
/// | [`conversion_body`](Self::conversion_body) | 16 MiB | 413 |
/// | [`connection_bodies`](Self::connection_bodies) | 8 MiB | 503 for the slowest unfinished body of the connection |
/// | [`bodies`](Self::bodies) | 32 MiB | 503 for the slowest unfinished body |
/// | [`bodies_at_work`](Self::bodies_at_work) | 16 MiB | a complete body waits for the app |
/// | [`body_stall`](Self::body_stall) | 30 s | 408 |
/// | [`body_time`](Self::body_time) | 60 s | 408 |
/// | [`answers`](Self::answers) | 32 MiB | the connection that has taken nothing for longest ends |
/// | [`answer_stall`](Self::answer_stall) | 30 s | the connection ends |
/// | [`handshake`](Self::handshake) | 10 s | the connection ends |
/// | [`header`](Self::header) | 10 s | the connection ends |
/// | [`idle`](Self::idle) | 120 s | the connection ends, HTTP/2 by GOAWAY |
/// | [`connections`](Self::connections) | 1,000, or half of `RLIMIT_NOFILE` | another connection ends |
///
/// ```
/// let mut limits = webhook_certs::Limits::default();
/// limits.conversion_body = 24 * 1024 * 1024;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest body of any request except a conversion.
    ///
    /// API servers accept objects of 3 MiB, and an update contains two.
    pub admission_body: usize,
    /// The longest body that begins, within its first 256 bytes, as a `ConversionReview`: API servers convert whole lists
    /// in one.
    pub conversion_body: usize,
    /// How much memory the unfinished bodies of one connection may take.
    ///
    /// One body at a time, of all connections, may be longer.
    pub connection_bodies: usize,
    /// How much memory all unfinished bodies may take, each with 4 KiB for itself.
    ///
    /// At least the longest body allowed. Bodies from addresses that have taken no answer on any existing connection
    /// are dropped first.
    pub bodies: usize,
    /// How much memory the complete bodies may take that the app works on at once; the app works on a larger one alone.
    ///
    /// The shortest of the waiting come first.
    pub bodies_at_work: usize,
    /// How long a body may bring nothing.
    pub body_stall: Duration,
    /// How long a body may take, and then wait for the app.
    ///
    /// API servers wait for a webhook for 30 s at most, and for an aggregated API for 60 s.
    pub body_time: Duration,
    /// How much memory untaken answers may take; a larger one is sent if no other waits.
    ///
    /// When they take more than half of it, connections end whose callers took nothing for a second.
    pub answers: usize,
    /// How long a caller may take nothing of an answer that is ready.
    pub answer_stall: Duration,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the head of an HTTP/1 request may take, from its first byte on.
    pub header: Duration,
    /// How long a connection may have no request.
    ///
    /// API servers close theirs after 90 s, and a server that closes one first makes calls fail.
    pub idle: Duration,
    /// How many connections there may be.
    ///
    /// For one more, another ends, the first found of these: one that has sent nothing for 100 ms; a handshake older
    /// than two seconds; one older than that which completed no request; an idle one, by GOAWAY; a younger one; one
    /// with only unfinished bodies and untaken answers; one that began half a second ago. Of these, one of the address
    /// that has most of that kind, if those are more than eight; then one that completed fewest requests; then the one
    /// that has been like that longest. Connections that completed no request have half of the places at most.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            admission_body: 7 * MIB,
            conversion_body: 16 * MIB,
            connection_bodies: 8 * MIB,
            bodies: 32 * MIB,
            bodies_at_work: 16 * MIB,
            body_stall: Duration::from_secs(30),
            body_time: Duration::from_secs(60),
            answers: 32 * MIB,
            answer_stall: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            connections: most_connections(1000),
        }
    }
}

impl Limits {
    /// Makes the limits for pages that take no body and that a kubelet requests.
    #[cfg(feature = "cli")]
    pub(crate) fn of_pages() -> Self {
        Self {
            admission_body: 4 * KIB,
            conversion_body: 4 * KIB,
            connection_bodies: 16 * KIB,
            bodies: 256 * KIB,
            bodies_at_work: 64 * KIB,
            body_stall: Duration::from_secs(5),
            body_time: Duration::from_secs(5),
            answers: 256 * KIB,
            answer_stall: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            connections: most_connections(64),
        }
    }

    pub(super) fn longest_body(&self) -> usize {
        self.admission_body.max(self.conversion_body)
    }

    /// Returns how often to look for overdue connections.
    pub(super) fn rounds(&self) -> Duration {
        let shortest = self.answer_stall.min(self.header).min(self.idle);
        (shortest / 8).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}

/// Leaves half of the descriptors that this process may open to its other work.
fn most_connections(most: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current;
    let half = descriptors.and_then(|all| usize::try_from(all / 2).ok());
    half.map_or(most, |half| half.clamp(1, most))
}
