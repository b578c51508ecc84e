//! Reads the body of a request, as far as there is room and time.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    gate::{Room, Seat},
    limits::Limits,
};

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoBody {
    TooLong {
        most: usize,
    },
    Late,
    Dropped,
    /// The caller is gone, or broke the protocol.
    Broken,
}

/// How many bytes show a review's kind, as an API server writes it.
const BEGINNING: usize = 256;
/// How long a caller must pause before it is taken to read the response.
const PAUSE: Duration = Duration::from_secs(1);
/// The memory first reserved for a body.
const FIRST: usize = 4096;

/// Returns the whole body, and its room, which to keep until the app has answered.
pub(super) async fn take(mut body: Incoming, seat: &Seat) -> Result<(Bytes, Room), NoBody> {
    let limits = &seat.gate().limits;
    let mut room = seat.body();
    let late = Instant::now() + limits.body_time;
    let taken = timeout_at(late, take_in(&mut body, &mut room, limits));
    match taken.await.unwrap_or(Err(NoBody::Late)) {
        Ok(bytes) => Ok((bytes, room)),
        Err(NoBody::TooLong { most }) => {
            drop(room);
            // A caller that is still writing would not read the response.
            let _ = timeout_at(late, discard(&mut body, limits)).await;
            Err(NoBody::TooLong { most })
        }
        Err(other) => Err(other),
    }
}

async fn take_in(body: &mut Incoming, room: &mut Room, limits: &Limits) -> Result<Bytes, NoBody> {
    let declared = body.size_hint().exact();
    let declared = declared.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let mut taken = Vec::new();
    check(&taken, declared.unwrap_or_default(), limits)?;
    while let Some(data) = next(body, room, limits.body_stall).await? {
        let length = taken.len().saturating_add(data.len());
        if length > taken.capacity() {
            let most = declared.unwrap_or_else(|| limits.longest_body());
            let memory = (taken.capacity().saturating_mul(2))
                .max(FIRST)
                .min(most)
                .max(length);
            if !room.grow(taken.len(), memory).await {
                return Err(NoBody::Dropped);
            }
            taken.reserve_exact(memory.saturating_sub(taken.len()));
        }
        // Copy the data: each piece is a slice of a larger buffer, which would stay in memory.
        taken.extend_from_slice(&data);
        check(&taken, length.max(declared.unwrap_or_default()), limits)?;
    }
    if room.may_work().await {
        Ok(taken.into())
    } else {
        Err(NoBody::Dropped)
    }
}

/// Checks whether a body of this length that begins like this is allowed.
fn check(begun: &[u8], length: usize, limits: &Limits) -> Result<(), NoBody> {
    let most = if begun.len() >= BEGINNING.min(length) {
        if is_conversion(begun) {
            limits.conversion_body
        } else {
            limits.admission_body
        }
    } else {
        limits.longest_body()
    };
    if length > most {
        return Err(NoBody::TooLong { most });
    }
    Ok(())
}

fn is_conversion(begun: &[u8]) -> bool {
    const KIND: &[u8] = b"\"ConversionReview\"";
    let beginning = begun.get(..BEGINNING).unwrap_or(begun);
    beginning.windows(KIND.len()).any(|window| window == KIND)
}

/// Returns more of the body; none at its end.
async fn next(
    body: &mut Incoming,
    room: &mut Room,
    stall: Duration,
) -> Result<Option<Bytes>, NoBody> {
    let came = async {
        loop {
            match body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Ok(Some(data));
                    }
                }
                Some(Err(_)) => return Err(NoBody::Broken),
                None => return Ok(None),
            }
        }
    };
    tokio::select! {
        came = timeout(stall, came) => came.unwrap_or(Err(NoBody::Late)),
        _ = &mut room.dropped => Err(NoBody::Dropped),
    }
}

/// Reads on without keeping anything, up to a limit.
async fn discard(body: &mut Incoming, limits: &Limits) {
    let mut left = limits.longest_body().saturating_mul(2);
    while let Ok(Some(Ok(frame))) = timeout(PAUSE, body.frame()).await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        left = left.saturating_sub(length);
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_told_by_the_kind_that_it_begins_with() {
        let written =
            br#"{"kind":"ConversionReview","apiVersion":"apiextensions.k8s.io/v1","request":{}}"#;
        assert!(is_conversion(written));
        assert!(is_conversion(
            br#"{"apiVersion":"apiextensions.k8s.io/v1", "kind" : "ConversionReview"}"#
        ));
        assert!(!is_conversion(
            br#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#
        ));
        let late = [vec![b' '; BEGINNING], written.to_vec()].concat();
        assert!(!is_conversion(&late));
    }

    #[test]
    fn each_kind_has_its_length_and_not_a_byte_more() {
        let limits = Limits::default();
        let (admission, conversion) = ([b'a'; BEGINNING], *b"\"ConversionReview\"");
        let conversion = [conversion.as_slice(), &[b' '; BEGINNING]].concat();
        let too_long = |most| Err(NoBody::TooLong { most });
        let (seven, sixteen) = (limits.admission_body, limits.conversion_body);
        assert_eq!(check(&admission, seven, &limits), Ok(()));
        assert_eq!(check(&admission, seven + 1, &limits), too_long(seven));
        assert_eq!(check(&conversion, sixteen, &limits), Ok(()));
        assert_eq!(check(&conversion, sixteen + 1, &limits), too_long(sixteen));
        assert_eq!(check(&[], sixteen, &limits), Ok(()), "not known yet");
        assert_eq!(check(&[], sixteen + 1, &limits), too_long(sixteen));
    }
}
