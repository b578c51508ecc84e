//! The client in use, and when it is made anew: files that hold credentials and certificates change while a process runs.

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
/// How often the files are compared with what was read, at most: less than a kubelet takes to change them.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The same while the API server is not believed, or does not know us, or the files were of no use.
const LOOK_AGAIN_IN_TROUBLE: Duration = Duration::from_secs(10);
/// Credentials are replaced so many seconds before they expire.
const BEFORE_EXPIRY: i64 = 60;

/// A client of the API server that follows what it was made of.
#[derive(Clone)]
pub(crate) struct Connection {
    /// None if the caller brought the client.
    place: Option<Arc<Place>>,
    state: Arc<Mutex<State>>,
}

struct State {
    made: Made,
    looked_at: Instant,
    is_looking: bool,
    /// The last call or the last look went wrong in a way that other files might mend.
    is_in_trouble: bool,
    known: Known,
    told: Option<String>,
}

/// A client, and what it was made of.
#[derive(Clone)]
struct Made {
    client: Client,
    digest: Option<Digest>,
    proxy: Option<Proxy>,
    trusted: Option<String>,
    credentials: Option<String>,
}

impl Connection {
    /// A client that the caller takes care of.
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

    /// Reads what stands there, and makes a client of it.
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

    /// The client for the next call, made anew if that is due, and when it was handed out. Dropping this loses nothing: what
    /// was begun is finished.
    pub(crate) async fn client(&self) -> (Client, Instant) {
        if let Some(place) = &self.place
            && let Some(unless) = self.begin_to_look()
        {
            let (connection, place) = (self.clone(), Arc::clone(place));
            let looking = tokio::spawn(async move {
                let made = make(place, unless).await;
                connection.looked(made);
            });
            // A panic in a credential plugin's reader is no matter of this call.
            let _ = looking.await;
        }
        let state = self.state();
        (state.made.client.clone(), Instant::now())
    }

    /// The API server is not believed, or a credential plugin gave nothing: what there is by now may be of use.
    pub(crate) fn is_in_trouble(&self) {
        self.state().is_in_trouble = true;
    }

    /// The API server answered 401 to a client that was handed out then. None if the caller takes care of the client, and of its credentials.
    pub(crate) fn is_unknown(&self, handed_out: Instant) -> Option<Unknown> {
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

    /// The API server did as it was asked.
    pub(crate) fn is_known(&self) {
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

    /// What the API server's certificate is judged by, if that is known.
    pub(crate) fn trusted(&self) -> Option<String> {
        self.state().made.trusted.clone()
    }

    /// If it is time to look: what need not be made again.
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
        // A plugin's answer, or the system's certificates, may be others though no file of ours changed.
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

/// Only certificates that a credential plugin gave say so; tokens are renewed by the client itself.
fn expires_soon(client: &Client) -> bool {
    let ends = client.valid_until().as_ref().map(|end| end.as_second());
    ends.is_some_and(|end| local_time().as_secs().saturating_add(BEFORE_EXPIRY) >= end)
}

/// A client of what stands there; none if that is what `unless` is of. Reading, and a credential plugin, may take a while, and
/// block.
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
        // One call must not be held up for minutes without a word: we try again ourselves.
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
