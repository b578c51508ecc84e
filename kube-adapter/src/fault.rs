//! The one place where an answer of the API server becomes a word of ours.

use std::{error::Error, time::Duration};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use rotator_core::{PatchError, StoreError};
use serde::Deserialize;

/// How long what is forbidden, and can be done without, is not asked for again: somebody may grant the right meanwhile.
pub(crate) const AFTER_REFUSAL: Duration = Duration::from_secs(600);

/// What a call needs, in the words of a permission.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Needs {
    /// `get`, `update`, …
    pub(crate) verb: &'static str,
    /// `secrets/guard-ca in namespace guard-system`.
    pub(crate) object: String,
}

impl Needs {
    pub(crate) fn new(verb: &'static str, object: impl Into<String>) -> Self {
        Self {
            verb,
            object: object.into(),
        }
    }
}

/// Why a call did not do what was asked.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Somebody wrote in between, or made the object first.
    Conflict,
    /// A `test` of a JSON patch failed, or its path led nowhere.
    TestFailed,
    /// The object that was named does not exist.
    Absent,
    /// The API server knows no such kind of object.
    NotInstalled,
    /// The revision to watch from is gone: list again.
    Expired,
    /// The authorizer says no, and said so some seconds before.
    Forbidden(Needs),
    /// The authorizer says no, for the first time: nothing is concluded before it says so again.
    RefusedOnce {
        needs: Needs,
        /// When to ask again.
        ask_after: Duration,
    },
    /// The object does not fit.
    TooLarge,
    /// Somebody else says no: validation, a quota, an admission webhook.
    Refused(Answer),
    /// No answer, or not now.
    Unavailable {
        retry_after: Option<Duration>,
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Fault {
    /// No answer, for a reason that is found on this side.
    pub(crate) fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable {
            retry_after: None,
            source: source.into(),
        }
    }

    /// How long the API server asked to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::RefusedOnce { ask_after, .. } => Some(*ask_after),
            _ => None,
        }
    }
}

/// A refusal that is not believed yet.
#[derive(Debug, thiserror::Error)]
#[error("the API server refused {verb} on {object}; asking again before that is believed")]
struct Doubted {
    verb: &'static str,
    object: String,
}

impl From<Needs> for Doubted {
    fn from(Needs { verb, object }: Needs) -> Self {
        Self { verb, object }
    }
}

/// The API server's own words, shortened.
#[derive(Debug, thiserror::Error)]
#[error("the API server answered {status}: {message}")]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

/// Judges an answer that is not a success (`metav1.Status`, or whatever a proxy in between says).
pub(crate) fn classify(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    needs: &Needs,
) -> Fault {
    let said = Said::parse(body);
    let retry_after = retry_after(headers, &said);
    let answer = |said: Said| Answer {
        status,
        message: shorten(&said.message),
    };
    match status {
        StatusCode::NOT_FOUND if said.names_an_object() => Fault::Absent,
        // A path that nobody serves: plain text, or a Status without a name.
        StatusCode::NOT_FOUND => Fault::NotInstalled,
        StatusCode::CONFLICT => Fault::Conflict,
        StatusCode::GONE => Fault::Expired,
        StatusCode::FORBIDDEN if said.is_from_the_authorizer() => Fault::Forbidden(needs.clone()),
        StatusCode::FORBIDDEN if said.has_just_started() => Fault::Unavailable {
            retry_after,
            source: Box::new(answer(said)),
        },
        StatusCode::PAYLOAD_TOO_LARGE => Fault::TooLarge,
        StatusCode::UNPROCESSABLE_ENTITY if said.is_a_failed_test() => Fault::TestFailed,
        StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Fault::Unavailable {
                retry_after,
                source: Box::new(answer(said)),
            }
        }
        StatusCode::INTERNAL_SERVER_ERROR if said.does_not_fit_into_etcd() => Fault::TooLarge,
        status if status.is_client_error() => Fault::Refused(answer(said)),
        _ => Fault::Unavailable {
            retry_after,
            source: Box::new(answer(said)),
        },
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            // What a write was meant for is gone: somebody was faster.
            Fault::Conflict | Fault::TestFailed | Fault::Absent => Self::Conflict,
            Fault::Forbidden(Needs { verb, object }) => Self::Forbidden {
                verb: verb.into(),
                object,
            },
            Fault::Refused(answer) => Self::Refused {
                reason: answer.message,
            },
            Fault::RefusedOnce { needs, ask_after } => Self::Unavailable {
                retry_after: Some(ask_after),
                source: Box::new(Doubted::from(needs)),
            },
            Fault::Unavailable {
                retry_after,
                source,
            } => Self::Unavailable {
                retry_after,
                source,
            },
            Fault::NotInstalled | Fault::Expired | Fault::TooLarge => Self::Unavailable {
                retry_after: None,
                source: "the answer does not fit the question: is this a Kubernetes API server?"
                    .into(),
            },
        }
    }
}

impl From<Fault> for PatchError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Conflict | Fault::TestFailed | Fault::Expired => Self::Conflict,
            Fault::Absent | Fault::NotInstalled => Self::NotFound,
            Fault::Forbidden(Needs { verb, object }) => Self::Forbidden {
                verb: verb.into(),
                object,
            },
            Fault::TooLarge => Self::Refused {
                reason: "the object is too large: remove certificates that nobody needs from its bundles".into(),
            },
            Fault::Refused(answer) => Self::Refused {
                reason: answer.message,
            },
            Fault::RefusedOnce { needs, ask_after } => Self::Unavailable {
                retry_after: Some(ask_after),
                source: Box::new(Doubted::from(needs)),
            },
            Fault::Unavailable {
                retry_after,
                source,
            } => Self::Unavailable {
                retry_after,
                source,
            },
        }
    }
}

/// What is read of a `metav1.Status`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Said {
    kind: String,
    message: String,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    name: String,
    causes: Option<Vec<serde::de::IgnoredAny>>,
    retry_after_seconds: u64,
}

impl Said {
    fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body)
            .ok()
            .filter(|said: &Self| said.kind == "Status")
            .unwrap_or_else(|| Self {
                message: String::from_utf8_lossy(body).trim().into(),
                ..Self::default()
            })
    }

    fn is_status(&self) -> bool {
        !self.kind.is_empty()
    }

    fn names_an_object(&self) -> bool {
        self.details
            .as_ref()
            .is_some_and(|details| !details.name.is_empty())
    }

    /// Tells a missing permission from a quota, a policy or a namespace that is being deleted: those are 403, too.
    /// The wording is that of `responsewriters.Forbidden`, whichever authorizer decides.
    fn is_from_the_authorizer(&self) -> bool {
        self.message.contains("forbidden: User \"") && self.message.contains("\" cannot ")
    }

    /// An admission plugin that has not read what it judges by (`admission.Handler`).
    fn has_just_started(&self) -> bool {
        self.message.contains("not yet ready to handle request")
    }

    /// etcd's refusal, and that of its client, come as internal errors in the words of
    /// `rpctypes.ErrGRPCRequestTooLarge` and of gRPC.
    fn does_not_fit_into_etcd(&self) -> bool {
        self.message.contains("request is too large")
            || self.message.contains("message larger than max")
    }

    /// A refused validation lists its causes; a JSON patch that does not apply has none.
    fn is_a_failed_test(&self) -> bool {
        self.is_status()
            && self
                .details
                .as_ref()
                .and_then(|details| details.causes.as_ref())
                .is_none_or(Vec::is_empty)
    }
}

/// The seconds form only (RFC 9110 §10.2.3): the API server sends no dates.
fn retry_after(headers: &HeaderMap, said: &Said) -> Option<Duration> {
    headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .or_else(|| {
            said.details
                .as_ref()
                .map(|details| details.retry_after_seconds)
                .filter(|seconds| *seconds > 0)
        })
        .map(Duration::from_secs)
}

fn shorten(message: &str) -> String {
    const LIMIT: usize = 400;
    match message.char_indices().nth(LIMIT) {
        Some((end, _)) => message
            .get(..end)
            .map(|start| format!("{start}…"))
            .unwrap_or_default(),
        None => message.into(),
    }
}
