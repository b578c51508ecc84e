//! Whether the API server accepts our credentials, and when to log that it does not.

use std::time::Duration;

use kube::config::AuthInfo;
use tokio::time::Instant;

/// How long a 401 stays in doubt: an API server that has just started may refuse credentials that it accepts soon
/// after.
const DOUBTED_FOR: Duration = Duration::from_secs(4);

/// What the API server's last answers say about our credentials.
#[derive(Debug, Default)]
pub(crate) enum Known {
    /// It accepts them.
    #[default]
    Yes,
    /// It answered 401.
    Doubted {
        since: Instant,
        /// When the credentials were last read since then.
        read: Option<Instant>,
    },
    /// It answers 401, and that is logged.
    No,
}

impl Known {
    /// Records a 401 to a call sent at `sent`, and returns whether to log it.
    ///
    /// True once, if the API server answered 401 some seconds before as well, and the credentials were read in between.
    pub(crate) fn refused(&mut self, sent: Instant, now: Instant) -> bool {
        match self {
            Self::Yes => {
                *self = Self::Doubted {
                    since: now,
                    read: None,
                };
                false
            }
            Self::Doubted {
                since,
                read: Some(read),
            } if sent >= *read && now.saturating_duration_since(*since) >= DOUBTED_FOR => {
                *self = Self::No;
                true
            }
            Self::Doubted { .. } | Self::No => false,
        }
    }

    /// Records that the files were read, and a credential plugin run.
    pub(crate) fn read(&mut self, now: Instant) {
        if let Self::Doubted { read, .. } = self {
            *read = Some(now);
        }
    }

    /// Records that the API server accepted the credentials. Returns whether to log it: if the 401 was logged.
    pub(crate) fn accepted(&mut self) -> bool {
        matches!(std::mem::take(self), Self::No)
    }
}

/// The API server answered 401.
#[derive(Debug, thiserror::Error)]
#[error(
    "the API server answered 401 Unauthorized to {credentials}: renew it; no restart is needed"
)]
pub(crate) struct Unknown {
    pub(crate) credentials: String,
}

/// Which credentials a user has, in the words of a kubeconfig and without any of the content.
pub(crate) fn credentials(user: &AuthInfo) -> String {
    let field = |name: &str, is_set: bool| is_set.then(|| format!("the kubeconfig's {name}"));
    let file = |name: &str, path: &Option<String>| {
        let path = path.as_ref()?;
        Some(format!("{name} {path}"))
    };
    let plugin = user.exec.as_ref();
    let plugin = plugin.and_then(|exec| exec.command.as_ref());
    // In the order of kubectl: each takes precedence over those that follow.
    let first = field("auth-provider", user.auth_provider.is_some())
        .or_else(|| field("username and password", user.username.is_some()))
        .or_else(|| file("tokenFile", &user.token_file))
        .or_else(|| field("token", user.token.is_some()))
        .or_else(|| plugin.map(|command| format!("what the credential plugin {command} gave")))
        .or_else(|| {
            let is_set = user.client_certificate_data.is_some();
            field("client-certificate-data", is_set)
        })
        .or_else(|| file("client-certificate", &user.client_certificate));
    first.unwrap_or_else(|| "a kubeconfig without credentials".into())
}

#[cfg(test)]
mod tests {
    use kube::config::ExecConfig;

    use super::*;

    fn secs(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn one_refusal_is_not_told_and_one_that_lasts_is_told_once() {
        let (mut known, start) = (Known::default(), Instant::now());
        let refused =
            |known: &mut Known, sent, now| known.refused(start + secs(sent), start + secs(now));
        assert!(!refused(&mut known, 0, 0));
        assert!(!refused(&mut known, 60, 60), "nothing was read since");
        known.read(start + secs(70));
        assert!(
            !refused(&mut known, 69, 71),
            "sent with what was read before"
        );
        assert!(refused(&mut known, 70, 71));
        assert!(!refused(&mut known, 120, 120));
        assert!(known.accepted());
        assert!(!known.accepted());
    }

    #[test]
    fn a_refusal_of_a_moment_is_forgotten() {
        let (mut known, start) = (Known::default(), Instant::now());
        assert!(!known.refused(start, start));
        known.read(start + secs(1));
        assert!(!known.refused(start + secs(3), start + secs(3)));
        assert!(!known.accepted());
        assert!(!known.refused(start + secs(60), start + secs(60)));
    }

    #[test]
    fn credentials_are_named_and_not_shown() {
        let word = |text: &str| Some(text.to_owned());
        let exec = serde_json::from_str::<ExecConfig>(r#"{ "command": "/bin/get-token" }"#);
        let users = [
            (
                AuthInfo {
                    token_file: word("/run/token"),
                    token: Some("hunter2".to_owned().into()),
                    ..AuthInfo::default()
                },
                "tokenFile /run/token",
            ),
            (
                AuthInfo {
                    token: Some("hunter2".to_owned().into()),
                    ..AuthInfo::default()
                },
                "the kubeconfig's token",
            ),
            (
                AuthInfo {
                    exec: exec.ok(),
                    ..AuthInfo::default()
                },
                "what the credential plugin /bin/get-token gave",
            ),
            (
                AuthInfo {
                    client_certificate: word("/run/client.crt"),
                    ..AuthInfo::default()
                },
                "client-certificate /run/client.crt",
            ),
            (AuthInfo::default(), "a kubeconfig without credentials"),
        ];
        for (user, words) in users {
            assert_eq!(credentials(&user), words);
        }
    }
}
