//! The attacks, each with its size.

mod bodies;
mod floods;
mod handshakes;
mod headers;
mod idle;
mod readers;
mod renegotiation;

use std::time::Duration;

use crate::front::Front;

/// An attack by callers that need no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the table has a line for each of them"
)]
pub enum Attack {
    /// No attack: what ordinary callers cost.
    Peace,
    /// Connections that say nothing.
    IdleTcp,
    /// The same from the API server's address.
    HiddenIdleTcp,
    /// A `ClientHello` sent byte by byte.
    SlowHandshakes,
    /// A `ClientHello` said to have 16 MB.
    HugeHellos,
    /// Bytes that are not TLS.
    Garbage,
    /// Headers sent byte by byte, by HTTP/1 and HTTP/2.
    SlowHeaders,
    /// Bodies sent byte by byte, by HTTP/1.
    SlowBodies1,
    /// The same on many streams.
    SlowBodies2,
    /// Bodies of almost 2 MB that do not end, on many streams.
    UnfinishedBodies,
    /// The same of almost 7 MB.
    UnfinishedLargeBodies,
    /// Bodies of 100 MB, by HTTP/1.
    HugeBodies1,
    /// The same by HTTP/2.
    HugeBodies2,
    /// Headers of 16 MB.
    HugeHeaders,
    /// Headers that refer to one long header thousands of times.
    HeaderBomb,
    /// Streams that are reset as soon as they begin.
    RapidReset,
    /// PING frames.
    Pings,
    /// SETTINGS frames.
    Settings,
    /// CONTINUATION frames without end, most of them empty.
    Continuations,
    /// Renegotiation in TLS 1.2.
    Renegotiation,
    /// New keys again and again in TLS 1.3.
    KeyUpdates,
    /// Many requests, none of whose answers is read.
    Readers,
    /// Requests with large answers, none of which is read.
    ReadersOfLargeAnswers,
    /// As many idle HTTP/2 connections as there are descriptors, but for nineteen.
    Descriptors,
    /// The same after a call each, from the API server's address.
    DescriptorsAfterCalls,
}

impl Attack {
    /// All, in the order of the table.
    pub const ALL: &[Self] = &[
        Self::Peace,
        Self::IdleTcp,
        Self::HiddenIdleTcp,
        Self::SlowHandshakes,
        Self::HugeHellos,
        Self::Garbage,
        Self::SlowHeaders,
        Self::SlowBodies1,
        Self::SlowBodies2,
        Self::UnfinishedBodies,
        Self::UnfinishedLargeBodies,
        Self::HugeBodies1,
        Self::HugeBodies2,
        Self::HugeHeaders,
        Self::HeaderBomb,
        Self::RapidReset,
        Self::Pings,
        Self::Settings,
        Self::Continuations,
        Self::Renegotiation,
        Self::KeyUpdates,
        Self::Readers,
        Self::ReadersOfLargeAnswers,
        Self::Descriptors,
        Self::DescriptorsAfterCalls,
    ];

    /// One of each kind, but for descriptors: `scenarios: limits` has those, and memory after them is within its bound by little.
    pub const SAMPLE: &[Self] = &[
        Self::HugeHellos,
        Self::SlowHeaders,
        Self::UnfinishedBodies,
        Self::RapidReset,
        Self::Readers,
    ];

    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Peace => "none",
            Self::IdleTcp => "idle TCP",
            Self::HiddenIdleTcp => "idle TCP from the API server's address",
            Self::SlowHandshakes => "slow handshakes",
            Self::HugeHellos => "huge ClientHellos",
            Self::Garbage => "garbage",
            Self::SlowHeaders => "slow headers",
            Self::SlowBodies1 => "slow bodies, HTTP/1",
            Self::SlowBodies2 => "slow bodies, HTTP/2",
            Self::UnfinishedBodies => "unfinished bodies of 1.9 MB",
            Self::UnfinishedLargeBodies => "unfinished bodies of 6.9 MB",
            Self::HugeBodies1 => "bodies of 100 MB, HTTP/1",
            Self::HugeBodies2 => "bodies of 100 MB, HTTP/2",
            Self::HugeHeaders => "huge headers",
            Self::HeaderBomb => "header bomb",
            Self::RapidReset => "rapid reset",
            Self::Pings => "PING flood",
            Self::Settings => "SETTINGS flood",
            Self::Continuations => "CONTINUATION flood",
            Self::Renegotiation => "renegotiation, TLS 1.2",
            Self::KeyUpdates => "key updates, TLS 1.3",
            Self::Readers => "readers that do not read",
            Self::ReadersOfLargeAnswers => "large answers not read",
            Self::Descriptors => "descriptors exhausted",
            Self::DescriptorsAfterCalls => {
                "descriptors exhausted after a call each, from the API server's address"
            }
        }
    }

    /// How many descriptors the server may have, if that is part of the attack.
    pub(crate) fn descriptors(self) -> Option<u32> {
        let is_about_them = matches!(self, Self::Descriptors | Self::DescriptorsAfterCalls);
        is_about_them.then_some(DESCRIPTORS)
    }

    /// Whether the attackers have the API server's address.
    pub(crate) fn is_hidden(self) -> bool {
        matches!(self, Self::HiddenIdleTcp | Self::DescriptorsAfterCalls)
    }

    /// Goes on until the front says that it is over.
    pub(crate) async fn run(self, front: &Front) {
        match self {
            Self::Peace => front.over().await,
            Self::IdleTcp | Self::HiddenIdleTcp => front.crowd(IDLE, idle::tcp).await,
            Self::SlowHandshakes => front.crowd(MANY, handshakes::slow).await,
            Self::HugeHellos => front.crowd(SOME, handshakes::huge).await,
            Self::Garbage => front.crowd(MANY, handshakes::garbage).await,
            Self::SlowHeaders => {
                let (one, two) = (headers::slow_http1, headers::slow_http2);
                tokio::join!(front.crowd(SOME, one), front.crowd(SOME, two));
            }
            Self::SlowBodies1 => front.crowd(MANY, bodies::slow_http1).await,
            Self::SlowBodies2 => front.crowd(FEW, bodies::slow_http2).await,
            Self::UnfinishedBodies => {
                let session = |front| bodies::unfinished(front, STREAMS, 1_900_000);
                front.crowd(UNFINISHED, session).await;
            }
            Self::UnfinishedLargeBodies => {
                let session = |front| bodies::unfinished(front, STREAMS, 6_900_000);
                front.crowd(UNFINISHED, session).await;
            }
            Self::HugeBodies1 => front.crowd(FEW, bodies::huge_http1).await,
            Self::HugeBodies2 => {
                let session = |front| bodies::unfinished(front, 2, 100_000_000);
                front.crowd(FEW, session).await;
            }
            Self::HugeHeaders => {
                let (one, two) = (headers::huge_http1, headers::huge_http2);
                tokio::join!(front.crowd(FEW, one), front.crowd(FEW, two));
            }
            Self::HeaderBomb => front.crowd(FEW, headers::bomb).await,
            Self::RapidReset => front.crowd(FEW, floods::rapid_reset).await,
            Self::Pings => front.crowd(FEW, floods::pings).await,
            Self::Settings => front.crowd(FEW, floods::settings).await,
            Self::Continuations => front.crowd(FEW, floods::continuations).await,
            Self::Renegotiation => front.crowd(SOME, renegotiation::old).await,
            Self::KeyUpdates => front.crowd(SOME, renegotiation::key_updates).await,
            Self::Readers => {
                let (one, two) = (readers::http1, readers::http2);
                tokio::join!(front.crowd(SOME, one), front.crowd(FEW, two));
            }
            Self::ReadersOfLargeAnswers => {
                let (one, two) = (readers::large_http1, readers::large_http2);
                tokio::join!(front.crowd(SOME, one), front.crowd(FEW, two));
            }
            Self::Descriptors => front.crowd(HELD, idle::http2).await,
            Self::DescriptorsAfterCalls => front.crowd(HELD, idle::after_a_call).await,
        }
    }
}

/// How long each goes on, unless the command says otherwise.
pub const LASTS: Duration = Duration::from_secs(12);

/// The connections of an attack, or as many as the machine lets us have.
const IDLE: usize = 15_000;
const MANY: usize = 500;
const SOME: usize = 100;
const FEW: usize = 8;
const UNFINISHED: usize = 3;
/// What servers allow on a connection: ours 200, Go's 250.
const STREAMS: usize = 200;
/// What many systems give a process.
const DESCRIPTORS: u32 = 1_024;
/// Held by idle connections.
const HELD: usize = 1_005;
/// Between two bytes of a slow caller.
const SLOWLY: Duration = Duration::from_millis(200);
