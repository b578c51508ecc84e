//! The body of a response, sent as its caller takes it.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderValue, Response, StatusCode, header::CONNECTION};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body, Buf, Bytes, Frame, SizeHint};

use super::{body::NoBody, gate::Call};

type Failure = Box<dyn Error + Send + Sync>;

/// The most bytes to give HTTP at once: each part taken shows that the caller still reads.
const PART: usize = 64 * 1024;

/// A body that notes in its call when there is something to take.
#[derive(Debug)]
pub(super) struct Answer {
    body: UnsyncBoxBody<Bytes, Failure>,
    /// The part of the last frame that was not given yet.
    rest: Bytes,
    call: Call,
    is_at_work: bool,
}

impl Answer {
    pub(super) fn of<B>(response: Response<B>, call: Call) -> Response<Self>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Failure>,
    {
        response.map(|body| {
            let body = body.map_err(Into::into);
            let body = body
                .map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())));
            let mut answer = Self {
                body: body.boxed_unsync(),
                rest: Bytes::new(),
                call,
                is_at_work: false,
            };
            answer.call.answering(answer.held());
            answer.note_end();
            answer
        })
    }

    fn part(&mut self) -> Frame<Bytes> {
        let part = self.rest.split_to(self.rest.len().min(PART));
        self.call.answering(self.held());
        self.is_at_work = false;
        self.note_end();
        Frame::data(part)
    }

    /// Returns how many bytes the caller has not taken, as far as the app has announced them.
    fn held(&self) -> usize {
        let announced = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        self.rest.len().saturating_add(announced)
    }

    /// Notes the end early, since HTTP/1 does not ask again after the announced length.
    fn note_end(&mut self) {
        if self.rest.is_empty() && self.body.is_end_stream() {
            self.call.completed();
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.part())));
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(data) => {
                    self.rest = data;
                    self.part()
                }
                Err(other) => other,
            }))),
            Poll::Ready(None) => {
                self.call.completed();
                Poll::Ready(None)
            }
            Poll::Pending if !self.is_at_work => {
                self.is_at_work = true;
                self.call.at_work();
                Poll::Pending
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        // There is still the last part to take.
        false
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let of_body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(of_body.lower().saturating_add(rest));
        hint
    }
}

/// Makes the response to a request whose body was not taken.
pub(super) fn refusal(why: NoBody) -> Response<Full<Bytes>> {
    let (status, text) = match why {
        NoBody::TooLong { most } => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is longer than the webhook server's limit of {most} bytes\n"),
        ),
        NoBody::Late => (
            StatusCode::REQUEST_TIMEOUT,
            "the body took too long\n".into(),
        ),
        NoBody::Dropped => (
            StatusCode::SERVICE_UNAVAILABLE,
            "there are too many unfinished bodies\n".into(),
        ),
        NoBody::Broken => (StatusCode::BAD_REQUEST, "the body is not whole\n".into()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    // The rest of the body is not read.
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
