//! Follows objects: lists them consistently, then watches from the list's revision, for ever.
//!
//! Unlike `kube::runtime::watcher`, every step has a time limit, the `Date` of each answer is recorded, and no whole
//! object is kept unless the caller's type asks for it.

use std::{ops::ControlFlow, time::Duration};

use http_body_util::BodyExt;
use kube::client::Body;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    api_server::ApiServer,
    backoff::Backoff,
    fault::Fault,
    resource::{Resource, Scope, WATCH_SECONDS},
};

/// News about the objects.
#[derive(Debug)]
pub(crate) enum News<T> {
    /// A list begins: what is not [`Present`](Self::Present) before [`Listed`](Self::Listed) does not exist.
    Listing,
    /// The object exists and looks like this.
    Present(T),
    /// The object was deleted.
    Gone(T),
    /// The list was complete.
    Listed,
    /// The watch is open: what was heard is up to date.
    Watching,
    /// Nothing is heard for now, for this reason. The next try follows.
    Trouble(Fault),
}

/// Follows until `tell` breaks or the task is aborted.
pub(crate) async fn follow<T: DeserializeOwned>(
    api: ApiServer,
    resource: Resource,
    scope: Scope,
    mut tell: impl FnMut(News<T>) -> ControlFlow<()> + Send,
) {
    let mut backoff = Backoff::default();
    loop {
        let flow = match list(&api, &resource, &scope, &mut tell).await {
            Ok(ControlFlow::Continue(revision)) => {
                let place = Place {
                    api: &api,
                    resource: &resource,
                    scope: &scope,
                };
                watch_from(&place, revision, &mut backoff, &mut tell).await
            }
            Ok(ControlFlow::Break(())) => ControlFlow::Break(()),
            Err(fault) => pause(fault, &mut backoff, &mut tell).await,
        };
        if flow.is_break() {
            return;
        }
    }
}

/// A task that is aborted when this is dropped.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    /// Must be called within a tokio runtime.
    pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Place<'a> {
    api: &'a ApiServer,
    resource: &'a Resource,
    scope: &'a Scope,
}

/// Lists all pages; returns the revision to watch from.
pub(crate) async fn list<T: DeserializeOwned>(
    api: &ApiServer,
    resource: &Resource,
    scope: &Scope,
    tell: &mut (impl FnMut(News<T>) -> ControlFlow<()> + Send),
) -> Result<ControlFlow<(), String>, Fault> {
    let mut next: Option<String> = None;
    loop {
        let (request, needs) = resource.list(scope, next.as_deref())?;
        let body = api.call(request, &needs).await?;
        let page: Page<T> =
            serde_json::from_slice(&body).map_err(|error| unintelligible(&error))?;
        drop(body);
        if next.is_none() && tell(News::Listing).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        for object in page.items.into_iter().flatten() {
            if tell(News::Present(object)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        match page.metadata.r#continue.filter(|token| !token.is_empty()) {
            Some(token) => next = Some(token),
            None if tell(News::Listed).is_break() => return Ok(ControlFlow::Break(())),
            None => return Ok(ControlFlow::Continue(page.metadata.resource_version)),
        }
    }
}

/// Watches repeatedly from the last revision heard, until only a new list can help.
async fn watch_from<T: DeserializeOwned>(
    place: &Place<'_>,
    mut revision: String,
    backoff: &mut Backoff,
    tell: &mut (impl FnMut(News<T>) -> ControlFlow<()> + Send),
) -> ControlFlow<()> {
    loop {
        let opened = Instant::now();
        let end = watch_once(place, &mut revision, tell).await;
        if opened.elapsed() > SETTLED {
            backoff.reset();
        }
        match end {
            Ok(End::Stopped) => return ControlFlow::Break(()),
            Ok(End::Closed) if opened.elapsed() > SETTLED => {}
            // A watch that is closed at once must not be reopened without a pause.
            Ok(End::Closed) => {
                tokio::time::sleep(backoff.after_failure(None)).await;
            }
            Err(Fault::Expired) => {
                // As above: after a new list the same would follow at once.
                if opened.elapsed() <= SETTLED {
                    tokio::time::sleep(backoff.after_failure(None)).await;
                }
                return ControlFlow::Continue(());
            }
            Err(fault @ Fault::Unavailable { .. }) => pause(fault, backoff, tell).await?,
            Err(fault) => {
                pause(fault, backoff, tell).await?;
                return ControlFlow::Continue(());
            }
        }
    }
}

const SETTLED: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(5);

enum End {
    Closed,
    Stopped,
}

async fn watch_once<T: DeserializeOwned>(
    place: &Place<'_>,
    revision: &mut String,
    tell: &mut (impl FnMut(News<T>) -> ControlFlow<()> + Send),
) -> Result<End, Fault> {
    let (request, needs) = place.resource.watch(place.scope, revision)?;
    let body = place.api.open(request, &needs).await?;
    if tell(News::Watching).is_break() {
        return Ok(End::Stopped);
    }
    // The API server ends the watch before this limit; only after a connection dies silently does the limit apply.
    let limit = Instant::now() + Duration::from_secs(WATCH_SECONDS.into()) + GRACE;
    let mut lines = Lines::new(body);
    while let Ok(line) = tokio::time::timeout_at(limit, lines.next()).await {
        let Some(line) = line? else { break };
        let head: Head = serde_json::from_slice(&line).map_err(|error| unintelligible(&error))?;
        let news = match head.r#type.as_str() {
            "ADDED" | "MODIFIED" => Some(News::Present(object(&line)?)),
            "DELETED" => Some(News::Gone(object(&line)?)),
            "ERROR" if head.object.code == 410 => return Err(Fault::Expired),
            "ERROR" => return Err(Fault::unavailable(head.object.message)),
            _ => None,
        };
        if let Some(heard) = head.object.metadata.resource_version {
            *revision = heard;
        }
        if news.is_some_and(|news| tell(news).is_break()) {
            return Ok(End::Stopped);
        }
    }
    Ok(End::Closed)
}

async fn pause<T>(
    fault: Fault,
    backoff: &mut Backoff,
    tell: &mut (impl FnMut(News<T>) -> ControlFlow<()> + Send),
) -> ControlFlow<()> {
    let wait = backoff.after_failure(fault.retry_after());
    tell(News::Trouble(fault))?;
    tokio::time::sleep(wait).await;
    ControlFlow::Continue(())
}

fn object<T: DeserializeOwned>(line: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(line)
        .map(|event: Event<T>| event.object)
        .map_err(|error| unintelligible(&error))
}

/// Reports the position only: serde's own message may quote what was read.
fn unintelligible(error: &serde_json::Error) -> Fault {
    Fault::unavailable(format!(
        "the answer cannot be read (line {}, column {})",
        error.line(),
        error.column()
    ))
}

#[derive(Deserialize)]
struct Page<T> {
    metadata: PageMeta,
    /// An API server writes `null` for an empty list.
    items: Option<Vec<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    resource_version: String,
    r#continue: Option<String>,
}

#[derive(Deserialize)]
struct Event<T> {
    object: T,
}

#[derive(Deserialize)]
struct Head {
    r#type: String,
    object: HeadObject,
}

#[derive(Deserialize)]
struct HeadObject {
    #[serde(default)]
    metadata: HeadMeta,
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadMeta {
    resource_version: Option<String>,
}

/// Splits a body into lines as they arrive.
struct Lines {
    body: Body,
    rest: Vec<u8>,
}

impl Lines {
    fn new(body: Body) -> Self {
        Self {
            body,
            rest: Vec::new(),
        }
    }

    /// Returns the next line. Cancel safe: dropping it early loses nothing.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let mut searched = 0;
        loop {
            let unsearched = self.rest.iter().skip(searched);
            if let Some(at) = unsearched.enumerate().find_map(newline) {
                let end = searched + at + 1;
                let line = self.rest.drain(..end).collect();
                return Ok(Some(line));
            }
            searched = self.rest.len();
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.rest.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(Fault::unavailable(error)),
                // What follows the last newline is an incomplete line.
                None => return Ok(None),
            }
        }
    }
}

fn newline((at, byte): (usize, &u8)) -> Option<usize> {
    (*byte == b'\n').then_some(at)
}
