//! The client in use, and when to make a new one: files with credentials and certificates change while a process runs.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kube::client::Client;
use tokio::time::Instant;

use crate::{
    connect::ConnectError,
    known::{Known, Unknown},
    kubeconfig::{Digest, Found, Place},
    listener::local_time,
    no_call::{PluginFailed, in_full},
    proxy::Proxy,
};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How often to compare the files with what was read, at most: sooner than a kubelet changes them.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The same while the API server is not trusted or answers 401, or the files could not be used.
const LOOK_AGAIN_IN_TROUBLE: Duration = Duration::from_secs(10);
/// How many seconds before credentials expire to replace them.
const BEFORE_EXPIRY: i64 = 60;

/// A client of the API server that is made anew when the files it was made from change.
#[derive(Clone)]
pub(crate) struct Connection {
    /// None if the caller supplied the client.
    place: Option<Arc<Place>>,
    state: Arc<Mutex<State>>,
}

struct State {
    made: Made,
    looked_at: Instant,
    is_looking: bool,
    /// The last call or the last reading failed in a way that other files might solve.
    is_in_trouble: bool,
    known: Known,
    told: Option<String>,
}

/// A client, and what it was made from.
#[derive(Clone)]
struct Made {
    client: Client,
    digest: Option<Digest>,
    proxy: Option<Proxy>,
    trusted: Option<String>,
    credentials: Option<String>,
}

impl Connection {
    /// Uses a client that the caller maintains.
    pub(crate) fn fixed(client: Client) -> Self {
        let made = Made {
            client,
            digest: None,
            proxy: None,
            trusted: None,
            credentials: None,
        };
        Self::new(None, made)
    }

    /// Reads the kubeconfig or the pod's files, and makes a client from them.
    pub(crate) async fn open(place: Place) -> Result<Self, ConnectError> {
        let place = Arc::new(place);
        let made = make(Arc::clone(&place), None).await?;
        let made = made.ok_or(ConnectError::Stopping)?;
        Ok(Self::new(Some(place), made))
    }

    fn new(place: Option<Arc<Place>>, made: Made) -> Self {
        let state = State {
            made,
            looked_at: Instant::now(),
            is_looking: false,
            is_in_trouble: false,
            known: Known::default(),
            told: None,
        };
        Self {
            place,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Returns the client for the next call, made anew if that is due, and the time when it was handed out.
    ///
    /// Dropping this loses nothing: a reading that has begun continues.
    pub(crate) async fn client(&self) -> (Client, Instant) {
        if let Some(place) = &self.place
            && let Some(unless) = self.begin_to_look()
        {
            let (connection, place) = (self.clone(), Arc::clone(place));
            let looking = tokio::spawn(async move {
                let made = make(place, unless).await;
                connection.looked(made);
            });
            // A panic in the credential plugin's reader does not fail this call.
            let _ = looking.await;
        }
        let state = self.state();
        (state.made.client.clone(), Instant::now())
    }

    /// Notes that the API server is not trusted, or a credential plugin gave nothing: the files may be better by now.
    pub(crate) fn is_in_trouble(&self) {
        self.state().is_in_trouble = true;
    }

    /// Notes that the API server answered 401 to a client handed out at that time.
    ///
    /// Returns none if the caller maintains the client and its credentials.
    pub(crate) fn refused(&self, handed_out: Instant) -> Option<Unknown> {
        let mut state = self.state();
        state.is_in_trouble = true;
        let unknown = Unknown {
            credentials: state.made.credentials.clone()?,
        };
        if state.known.refused(handed_out, Instant::now()) {
            tracing::warn!("{unknown}");
        }
        Some(unknown)
    }

    /// Notes that the API server accepted the credentials.
    pub(crate) fn accepted(&self) {
        let mut state = self.state();
        if state.known.accepted() {
            let credentials = state.made.credentials.as_deref();
            tracing::info!(
                "the API server accepts {} again",
                credentials.unwrap_or_default()
            );
        }
    }

    /// The proxy that calls go through.
    pub(crate) fn proxy(&self) -> Option<Proxy> {
        self.state().made.proxy.clone()
    }

    /// What the API server's certificate is verified with, if that is known.
    pub(crate) fn trusted(&self) -> Option<String> {
        self.state().made.trusted.clone()
    }

    /// Returns whether to read the files now and, if so, the digest of a reading that need not be made into a client
    /// again.
    #[expect(
        clippy::option_option,
        reason = "whether to look, and what was seen the last time if that still counts"
    )]
    fn begin_to_look(&self) -> Option<Option<Digest>> {
        let mut state = self.state();
        let is_ending = expires_soon(&state.made.client);
        let pause = if state.is_in_trouble || is_ending {
            LOOK_AGAIN_IN_TROUBLE
        } else {
            LOOK_AGAIN
        };
        if state.is_looking || state.looked_at.elapsed() < pause {
            return None;
        }
        state.is_looking = true;
        state.looked_at = Instant::now();
        // A plugin's answer, or the system's certificates, may be new though none of the files changed.
        let must_make = state.is_in_trouble || is_ending;
        Some(state.made.digest.filter(|_| !must_make))
    }

    fn looked(&self, made: Result<Option<Made>, ConnectError>) {
        let mut state = self.state();
        state.is_looking = false;
        match made {
            Ok(None) => state.told = None,
            Ok(Some(made)) => {
                if made.digest != state.made.digest {
                    tracing::info!(
                        "the kubeconfig, or a file with credentials or certificates, changed: read again"
                    );
                }
                state.made = made;
                state.is_in_trouble = false;
                state.known.read(Instant::now());
                if state.told.take().is_some() {
                    tracing::info!("the credentials could be read again, and are used");
                }
            }
            Err(error) => {
                state.is_in_trouble = true;
                let text = in_full(&error);
                if state.told.as_ref() != Some(&text) {
                    tracing::warn!(
                        "the credentials that were read before stay in use, reading again every {} s: {text}",
                        LOOK_AGAIN_IN_TROUBLE.as_secs()
                    );
                    state.told = Some(text);
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Whether the client's credentials expire soon.
///
/// Only certificates from a credential plugin have a known expiry; the client itself renews tokens.
fn expires_soon(client: &Client) -> bool {
    let ends = client.valid_until().as_ref().map(|end| end.as_second());
    ends.is_some_and(|end| local_time().as_secs().saturating_add(BEFORE_EXPIRY) >= end)
}

/// Makes a client from the files; none if their digest is `unless`.
///
/// Reading, and a credential plugin, may take long and block.
async fn make(place: Arc<Place>, unless: Option<Digest>) -> Result<Option<Made>, ConnectError> {
    let making = tokio::task::spawn_blocking(move || {
        let Found {
            mut config,
            digest,
            proxy,
            trusted,
            credentials,
        } = place.read()?;
        if unless == Some(digest) {
            return Ok(None);
        }
        // kube's own retries would hold up one call for minutes without a log line; this crate retries by itself.
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_LIMIT);
        let client = Client::try_from(config).map_err(|error| match PluginFailed::of(&error) {
            Some(failed) => ConnectError::Plugin(failed.to_string()),
            None => ConnectError::Client(error),
        })?;
        Ok(Some(Made {
            client,
            digest: Some(digest),
            proxy,
            trusted: Some(trusted),
            credentials: Some(credentials),
        }))
    });
    making.await.unwrap_or(Err(ConnectError::Stopping))
}
