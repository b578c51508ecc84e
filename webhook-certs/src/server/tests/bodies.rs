//! How long a body may be.

use super::*;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn each_kind_of_review_may_be_as_long_as_is_promised_and_no_longer() {
    let server = Server::start(Limits::default()).await;
    for (kind, most) in [("AdmissionReview", 7 * MIB), ("ConversionReview", 16 * MIB)] {
        for mut caller in [server.http1().await, server.http2().await] {
            let before = server.counts.now().bodies_too_long;
            let answer = caller.call("/admit", whole(&review(kind, most))).await;
            let (status, text) = answer.unwrap();
            assert_eq!(
                (status, text.contains("\"7\"")),
                (200, true),
                "{kind} {text}"
            );
            let answer = caller.call("/admit", whole(&review(kind, most + 1))).await;
            let (status, text) = answer.unwrap();
            assert_eq!(status, 413, "{kind}");
            assert!(text.contains(&format!("limit of {most} bytes")), "{text}");
            assert_eq!(server.counts.now().bodies_too_long, before + 1);
        }
    }
}

#[tokio::test]
async fn a_length_that_is_set_holds() {
    let limits = Limits {
        admission_body: 2000,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut caller = server.http2().await;
    for (length, expected) in [(2000, 200), (2001, 413)] {
        let body = whole(&review("AdmissionReview", length));
        let (status, _) = caller.call("/admit", body).await.unwrap();
        assert_eq!(status, expected, "{length}");
    }
}

#[tokio::test]
async fn a_body_without_a_declared_length_is_bounded_too() {
    let server = Server::start(Limits::default()).await;
    for mut caller in [server.http1().await, server.http2().await] {
        let (status, _) = caller.call("/admit", unfinished(8 * MIB)).await.unwrap();
        assert_eq!(status, 413);
    }
}
