//! A small API server in memory: revisions, compare-and-swap, lists, watches, and faults on demand.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use kube::client::{Body, Client};
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, mpsc};

use crate::ApiServer;

/// What the next matching request gets instead of the regular answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This answer; nothing is stored.
    Answer(u16, &'static str, Value),
    /// A plain text, as a proxy or an overloaded API server answers; with a `Retry-After` in seconds if given.
    Text(u16, &'static str, Option<u64>),
    /// The request is carried out, but the connection breaks before the answer.
    LostReply,
    /// No answer ever; nothing is stored.
    Silence,
}

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    events: broadcast::Sender<(String, Value)>,
}

#[derive(Default)]
struct State {
    /// By path.
    objects: BTreeMap<String, Value>,
    /// Collections that exist; others answer 404.
    collections: Vec<String>,
    revision: u64,
    faults: Vec<(Method, String, Fault)>,
    requests: Vec<String>,
    date: String,
}

pub(crate) const DATE: &str = "Tue, 24 Nov 2026 11:30:35 GMT";
pub(crate) const DATE_SECS: i64 = 1_795_519_835;

impl Fake {
    pub(crate) fn new() -> Self {
        let state = State {
            date: DATE.into(),
            revision: 100,
            collections: [
                "/api/v1/namespaces/guard-system/secrets",
                "/api/v1/namespaces/guard-system/pods",
                "/apis/coordination.k8s.io/v1/namespaces/guard-system/leases",
                "/apis/events.k8s.io/v1/namespaces/guard-system/events",
                "/apis/events.k8s.io/v1/namespaces/default/events",
                "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
                "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                "/apis/apiregistration.k8s.io/v1/apiservices",
            ]
            .map(Into::into)
            .into(),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            events: broadcast::Sender::new(4096),
        }
    }

    /// Must be called within a tokio runtime.
    pub(crate) fn api(&self) -> ApiServer {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { fake.serve(request).await }
        });
        ApiServer::new(Client::new(service, "guard-system"))
    }

    pub(crate) fn set_date(&self, date: &str) {
        self.state().date = date.into();
    }

    /// The next request of this method whose path and query contain `part` meets `fault`.
    pub(crate) fn arm(&self, method: Method, part: &str, fault: Fault) {
        self.state().faults.push((method, part.into(), fault));
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.state().objects.get(path).cloned()
    }

    /// The objects of a collection.
    pub(crate) fn under(&self, collection: &str) -> Vec<Value> {
        let state = self.state();
        let objects = state.objects.iter();
        objects
            .filter(|(path, _)| {
                path.rsplit_once('/')
                    .is_some_and(|(under, _)| under == collection)
            })
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// Creates or changes an object as another writer.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.state().store(path, object, &self.events);
    }

    pub(crate) fn delete(&self, path: &str) {
        let mut state = self.state();
        state.revision += 1;
        let revision = state.revision.to_string();
        if let Some(mut object) = state.objects.remove(path) {
            object["metadata"]["resourceVersion"] = json!(revision);
            let _ = self
                .events
                .send((path.into(), json!({"type": "DELETED", "object": object})));
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn serve(&self, request: Request<Body>) -> Result<Reply, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let line = format!("{} {}", parts.method, parts.uri);
        let fault = {
            let mut state = self.state();
            state.requests.push(line.clone());
            let at = state
                .faults
                .iter()
                .position(|(method, part, _)| *method == parts.method && line.contains(part));
            at.map(|at| state.faults.remove(at).2)
        };
        match fault {
            None => Ok(self.answer(&parts, &body)),
            Some(Fault::Answer(code, reason, extra)) => {
                Ok(self.state().failure(code, reason, &extra))
            }
            Some(Fault::Text(code, text, retry_after)) => {
                let mut answer = self.state().reply(code, text.into());
                if let Some(seconds) = retry_after {
                    answer.headers_mut().insert("retry-after", seconds.into());
                }
                Ok(answer)
            }
            Some(Fault::LostReply) => {
                self.answer(&parts, &body);
                Err(std::io::ErrorKind::ConnectionReset.into())
            }
            Some(Fault::Silence) => std::future::pending().await,
        }
    }

    fn answer(&self, parts: &http::request::Parts, body: &[u8]) -> Reply {
        let path = parts.uri.path();
        let query: BTreeMap<String, String> = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.into(), value.replace("%3D", "=")))
            .collect();
        let mut state = self.state();
        if path == "/version" {
            return state.reply(200, json!({"major": "1"}).to_string());
        }
        if state.collections.iter().any(|known| known == path) {
            return match parts.method {
                Method::POST => state.create(path, body, &self.events),
                _ if query.contains_key("watch") => self.watch(&state, path, &query),
                _ => state.list(path, &query),
            };
        }
        let Some((collection, name)) = path.rsplit_once('/') else {
            return state.reply(404, "404 page not found\n".into());
        };
        if !state.collections.iter().any(|known| known == collection) {
            return state.reply(404, "404 page not found\n".into());
        }
        let Some(held) = state.objects.get(path).cloned() else {
            return state.failure(404, "NotFound", &json!({"details": {"name": name}}));
        };
        match parts.method {
            Method::GET => state.reply(200, held.to_string()),
            Method::PUT => {
                let object: Value = serde_json::from_slice(body).unwrap();
                let given = &object["metadata"]["resourceVersion"];
                if !given.is_null() && *given != held["metadata"]["resourceVersion"] {
                    return state.failure(409, "Conflict", &json!({"details": {"name": name}}));
                }
                let stored = state.store(path, object, &self.events);
                state.reply(200, stored.to_string())
            }
            Method::PATCH => {
                let mut object = held;
                let done = if parts.headers[CONTENT_TYPE] == "application/merge-patch+json" {
                    merge(&mut object, &serde_json::from_slice(body).unwrap());
                    true
                } else {
                    let patch: Vec<Value> = serde_json::from_slice(body).unwrap();
                    patch.iter().all(|step| apply(&mut object, step))
                };
                if !done {
                    return state.failure(422, "Invalid", &json!({"details": {}}));
                }
                let stored = state.store(path, object, &self.events);
                state.reply(200, stored.to_string())
            }
            _ => state.reply(405, String::new()),
        }
    }

    fn watch(&self, state: &State, path: &str, query: &BTreeMap<String, String>) -> Reply {
        let (lines, heard) = mpsc::unbounded_channel::<Value>();
        let name = wanted_name(query);
        let prefix = format!("{path}/");
        let from: u64 = query["resourceVersion"].parse().unwrap();
        let matches = move |path: &str| {
            path.strip_prefix(&prefix)
                .is_some_and(|rest| name.as_ref().is_none_or(|name| name == rest))
        };
        for (path, object) in &state.objects {
            let revision = &object["metadata"]["resourceVersion"];
            if matches(path) && revision.as_str().unwrap().parse::<u64>().unwrap() > from {
                lines
                    .send(json!({"type": "MODIFIED", "object": object}))
                    .unwrap();
            }
        }
        let mut events = self.events.subscribe();
        tokio::spawn(async move {
            while let Ok((path, event)) = events.recv().await {
                if matches(&path) && lines.send(event).is_err() {
                    return;
                }
            }
        });
        let frames = stream::unfold(heard, |mut heard| async {
            let line = heard.recv().await?;
            Some((format!("{line}\n"), heard))
        })
        // In two pieces, to test that the reader joins them.
        .flat_map(|line| {
            let (start, end) = line.split_at(line.len() / 2);
            stream::iter([start.to_owned(), end.to_owned()])
        })
        .map(|piece| Ok(Frame::data(Bytes::from(piece))));
        let mut answer = state.reply(200, String::new());
        *answer.body_mut() = StreamBody::new(frames).boxed_unsync();
        answer
    }
}

impl State {
    fn store(
        &mut self,
        path: &str,
        mut object: Value,
        events: &broadcast::Sender<(String, Value)>,
    ) -> Value {
        self.revision += 1;
        let held = self.objects.get(path);
        let metadata = object["metadata"].as_object_mut().unwrap();
        let uid = held.map_or_else(
            || json!(format!("uid-{}", self.revision)),
            |held| held["metadata"]["uid"].clone(),
        );
        metadata.insert("uid".into(), uid);
        metadata.insert("name".into(), json!(path.rsplit('/').next().unwrap()));
        metadata.insert("resourceVersion".into(), json!(self.revision.to_string()));
        let kind = if held.is_some() { "MODIFIED" } else { "ADDED" };
        self.objects.insert(path.into(), object.clone());
        let _ = events.send((path.into(), json!({"type": kind, "object": object})));
        object
    }

    fn create(
        &mut self,
        path: &str,
        body: &[u8],
        events: &broadcast::Sender<(String, Value)>,
    ) -> Reply {
        let object: Value = serde_json::from_slice(body).unwrap();
        let metadata = &object["metadata"];
        let name = metadata["name"].as_str().unwrap_or("generated").to_owned();
        let path = format!("{path}/{name}");
        if self.objects.contains_key(&path) {
            return self.failure(409, "AlreadyExists", &json!({"details": {"name": name}}));
        }
        let stored = self.store(&path, object, events);
        self.reply(201, stored.to_string())
    }

    /// Answers pages of `limit` objects; `continue` is the number of objects already given.
    fn list(&self, path: &str, query: &BTreeMap<String, String>) -> Reply {
        let name = wanted_name(query);
        let prefix = format!("{path}/");
        let all: Vec<&Value> = self
            .objects
            .iter()
            .filter_map(|(path, object)| Some((path.strip_prefix(&prefix)?, object)))
            .filter(|(rest, _)| name.as_ref().is_none_or(|name| name == rest))
            .map(|(_, object)| object)
            .filter(|object| is_selected(object, query))
            .collect();
        let number = |key: &str| query.get(key).and_then(|value| value.parse::<usize>().ok());
        let (from, limit) = (
            number("continue").unwrap_or(0),
            number("limit").unwrap_or(500),
        );
        let page: Vec<&&Value> = all.iter().skip(from).take(limit).collect();
        let next = from + page.len();
        // An API server writes `null` for an empty list.
        let items = (!page.is_empty()).then_some(&page);
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if next < all.len() {
            metadata["continue"] = json!(next.to_string());
        }
        self.reply(
            200,
            json!({"metadata": metadata, "items": items}).to_string(),
        )
    }

    fn failure(&self, code: u16, reason: &str, extra: &Value) -> Reply {
        let mut status = json!({
            "kind": "Status", "status": "Failure", "code": code, "reason": reason,
            "message": format!("{reason} by the fake"),
        });
        let fields = status.as_object_mut().unwrap();
        fields.extend(extra.as_object().cloned().unwrap_or_else(Map::new));
        self.reply(code, status.to_string())
    }

    fn reply(&self, code: u16, body: String) -> Reply {
        Response::builder()
            .status(StatusCode::from_u16(code).unwrap())
            .header("date", &self.date)
            .body(http_body_util::Full::new(Bytes::from(body)).boxed_unsync())
            .unwrap()
    }
}

fn wanted_name(query: &BTreeMap<String, String>) -> Option<String> {
    query
        .get("fieldSelector")
        .and_then(|selector| selector.strip_prefix("metadata.name="))
        .map(Into::into)
}

/// Applies a selector of the form `key=value`.
fn is_selected(object: &Value, query: &BTreeMap<String, String>) -> bool {
    query
        .get("labelSelector")
        .and_then(|selector| selector.split_once('='))
        .is_none_or(|(key, value)| object["metadata"]["labels"][key] == value)
}

/// RFC 7396, without removals.
fn merge(object: &mut Value, patch: &Value) {
    match (object, patch) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(fields.entry(key).or_insert(json!({})), change);
            }
        }
        (object, patch) => *object = patch.clone(),
    }
}

/// `test`, `add` and `replace` of RFC 6902, for objects only.
fn apply(object: &mut Value, step: &Value) -> bool {
    let path = step["path"].as_str().unwrap();
    if step["op"] == "test" {
        return object.pointer(path) == Some(&step["value"]);
    }
    let (parent, key) = path.rsplit_once('/').unwrap();
    match object.pointer_mut(parent).and_then(Value::as_object_mut) {
        Some(parent) => {
            parent.insert(key.into(), step["value"].clone());
            true
        }
        None => false,
    }
}

/// Waits so long that only a bug reaches the limit; the clock of these tests is paused.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(3600), work)
        .await
        .expect("nothing happened")
}
