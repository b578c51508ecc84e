//! One request on its way through.

use std::{convert::Infallible, future::pending};

use futures::StreamExt;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, TRANSFER_ENCODING},
};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use kube::client::Body;

use super::{Fault, Moment, Shared};
use crate::Failure;

type Answer = Response<UnsyncBoxBody<Bytes, Failure>>;

/// # Errors
///
/// The connection is to be cut.
pub(super) async fn answer(shared: &Shared, request: Request<Incoming>) -> Result<Answer, Failure> {
    let asked = Asked::of(&request);
    let (fault, write) = {
        let mut state = shared.state();
        state.requests += 1;
        state.writes += u64::from(asked.is_write);
        if let Some(fault) = state.from_next_write.take_if(|_| asked.is_write) {
            state.fault = fault;
        }
        (state.fault, asked.is_write.then_some(state.writes))
    };
    stop_at(shared, &asked, write, Moment::Before).await;
    match fault {
        Fault::None | Fault::CutAfter => {}
        Fault::Late(by) => tokio::time::sleep(by).await,
        Fault::TooManyRequests { seconds } => {
            return refusal(StatusCode::TOO_MANY_REQUESTS, "a fault of a test", seconds);
        }
        Fault::Forbidden => return refusal(StatusCode::FORBIDDEN, FORBIDDEN, 0),
        Fault::ServerError => {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "a fault of a test", 0);
        }
        Fault::CutBefore => return Err("cut before it was forwarded".into()),
        Fault::StaleReads => {
            let answered = shared.state().answers.get(&asked.uri).cloned();
            if let Some(bytes) = answered.filter(|_| asked.is_read) {
                return Ok(json(bytes));
            }
        }
    }
    let forwarded = shared.upstream.send(upstream(request).await?).await?;
    if asked.is_watch {
        return Ok(watched(shared, forwarded));
    }
    let (mut head, body) = forwarded.into_parts();
    head.headers.remove(CONNECTION);
    head.headers.remove(TRANSFER_ENCODING);
    let bytes = body.collect().await?.to_bytes();
    stop_at(shared, &asked, write, Moment::After).await;
    if fault == Fault::CutAfter {
        return Err("cut after it was carried out".into());
    }
    if asked.is_read && fault != Fault::StaleReads && head.status.is_success() {
        shared.state().answers.insert(asked.uri, bytes.clone());
    }
    Ok(Response::from_parts(head, whole(bytes)))
}

/// What matters of a request.
struct Asked {
    uri: String,
    /// As [`super::Caught::write`] has it.
    words: String,
    is_watch: bool,
    /// Of objects, not of `/version`.
    is_read: bool,
    is_write: bool,
}

impl Asked {
    fn of<B>(request: &Request<B>) -> Self {
        let (method, path) = (request.method(), request.uri().path());
        let uri = request.uri().to_string();
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_watch = uri.contains("watch=true");
        let is_kept = !path.contains("/leases") && !path.contains("/events");
        Self {
            words: format!("{method} {name}"),
            is_watch,
            is_read: *method == Method::GET && !is_watch && is_kept && path != "/version",
            is_write: *method != Method::GET && is_kept,
            uri,
        }
    }
}

/// Stays here for ever if this is the write that a trap is set for.
async fn stop_at(shared: &Shared, asked: &Asked, write: Option<u64>, moment: Moment) {
    let Some(write) = write else { return };
    let trap = shared
        .state()
        .trap
        .take_if(|trap| trap.is_for(write, moment));
    if let Some(trap) = trap
        && trap.spring(asked.words.clone())
    {
        pending::<Infallible>().await;
    }
}

async fn upstream(request: Request<Incoming>) -> Result<Request<Body>, Failure> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(HOST);
    head.headers.remove(CONNECTION);
    let bytes = body.collect().await?.to_bytes();
    Ok(Request::from_parts(head, Body::from(bytes.to_vec())))
}

/// Line by line as it comes, until it ends or is cut.
fn watched(shared: &Shared, answer: Response<Body>) -> Answer {
    let mut cuts = shared.cuts.subscribe();
    let (mut head, body) = answer.into_parts();
    head.headers.remove(CONNECTION);
    head.headers.remove(TRANSFER_ENCODING);
    let lines = body.into_data_stream();
    let lines = lines.map(|line| line.map(Frame::data).map_err(Failure::from));
    let cut = async move {
        // The sender lives as long as the proxy.
        let _ = cuts.changed().await;
        Err(Failure::from("cut"))
    };
    let lines = futures::stream::select(
        lines.map(Some).chain(futures::stream::once(async { None })),
        futures::stream::once(cut).map(Some),
    );
    let lines = lines.take_while(|line| std::future::ready(line.is_some()));
    let lines = lines.filter_map(std::future::ready);
    Response::from_parts(head, StreamBody::new(lines).boxed_unsync())
}

/// `responsewriters.Forbidden`, shortened.
const FORBIDDEN: &str = "it is forbidden: User \"keeper\" cannot do anything: a fault of a test";

fn refusal(status: StatusCode, message: &str, retry_after: u64) -> Result<Answer, Failure> {
    let body = serde_json::json!({
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": status.as_u16(),
        "message": message,
    });
    let mut answer = json(Bytes::from(body.to_string()));
    *answer.status_mut() = status;
    if retry_after > 0 {
        let seconds = HeaderValue::from_str(&retry_after.to_string())?;
        answer.headers_mut().insert(RETRY_AFTER, seconds);
    }
    Ok(answer)
}

fn json(bytes: Bytes) -> Answer {
    let mut answer = Response::new(whole(bytes));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

fn whole(bytes: Bytes) -> UnsyncBoxBody<Bytes, Failure> {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}
