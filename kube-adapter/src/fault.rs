//! Turns each failed answer of the API server into one of our error types. The only place that does.

use std::{error::Error, time::Duration};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use rotator_core::{PatchError, StoreError};
use serde::Deserialize;

/// How long to wait before asking again for a forbidden call that is optional: the administrator may grant the
/// permission meanwhile.
pub(crate) const AFTER_REFUSAL: Duration = Duration::from_secs(600);

/// The permission that a call needs, as RBAC words it.
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

/// Why a call did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Another writer changed or created the object in between.
    Conflict,
    /// A `test` of a JSON patch failed, or its path does not exist.
    TestFailed,
    /// The named object does not exist.
    Absent,
    /// The API server does not serve this kind of object.
    NotInstalled,
    /// The revision to watch from has expired: list again.
    Expired,
    /// The authorizer refuses, and refused some seconds before as well.
    Forbidden(Needs),
    /// The authorizer refuses for the first time: ask again before believing it.
    RefusedOnce {
        needs: Needs,
        /// When to ask again.
        ask_after: Duration,
    },
    /// The object is larger than the API server or etcd accepts.
    TooLarge,
    /// A check other than the authorizer refuses: validation, a quota, an admission webhook.
    Refused(Answer),
    /// No answer, or the API server asks to try later.
    Unavailable {
        retry_after: Option<Duration>,
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Fault {
    /// No answer, for a reason on our side.
    pub(crate) fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable {
            retry_after: None,
            source: source.into(),
        }
    }

    /// Returns how long the API server asked to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::RefusedOnce { ask_after, .. } => Some(*ask_after),
            _ => None,
        }
    }
}

/// A refusal that must be repeated before it is believed.
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

/// The API server's own message, shortened.
#[derive(Debug, thiserror::Error)]
#[error("the API server answered {status}: {message}")]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

/// Classifies an answer that is not a success: a `metav1.Status`, or the text of a proxy in between.
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
        // A path that the API server does not serve: plain text, or a Status without a name.
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
            // The object that the write was meant for is gone: another writer was faster.
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
                reason: "the object is too large: remove certificates that are not needed from its bundles".into(),
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

/// The fields read of a `metav1.Status`.
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

    /// Distinguishes a missing permission from a quota, a policy or a namespace that is being deleted, which are 403,
    /// too.
    ///
    /// The wording is that of `responsewriters.Forbidden`, whichever authorizer decides.
    fn is_from_the_authorizer(&self) -> bool {
        self.message.contains("forbidden: User \"") && self.message.contains("\" cannot ")
    }

    /// Whether an admission plugin has not yet loaded what it decides by (`admission.Handler`).
    fn has_just_started(&self) -> bool {
        self.message.contains("not yet ready to handle request")
    }

    /// Whether etcd, or the API server's client of it, refused the size: both come as internal errors with the messages
    /// of `rpctypes.ErrGRPCRequestTooLarge` and of gRPC.
    fn does_not_fit_into_etcd(&self) -> bool {
        self.message.contains("request is too large")
            || self.message.contains("message larger than max")
    }

    /// Whether a `test` of a JSON patch failed.
    ///
    /// A failed validation lists causes; a JSON patch that does not apply has none.
    fn is_a_failed_test(&self) -> bool {
        self.is_status()
            && self
                .details
                .as_ref()
                .and_then(|details| details.causes.as_ref())
                .is_none_or(Vec::is_empty)
    }
}

/// Reads `Retry-After` in its form in seconds (RFC 9110 §10.2.3): the API server sends no dates.
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
