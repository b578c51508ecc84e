//! Connections that say nothing, take nothing, or are too many.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn an_idle_connection_ends_in_peace() {
    let limits = Limits {
        idle: A_WHILE,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut one = server.http1().await;
    assert!(one.admitted().await && one.ended().await);
    let mut two = server.http2().await;
    assert!(two.admitted().await && two.ended().await);
    let silent = server.http2().await;
    assert!(silent.ended().await);
    assert_eq!(server.counts.now().idle, 3);
}

#[tokio::test]
async fn a_connection_with_a_call_under_way_is_not_idle() {
    let limits = Limits {
        idle: A_WHILE,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut caller = server.http2().await;
    let mut other = server.http2().await;
    let waiting = tokio::spawn(async move { caller.call("/wait", whole("{}")).await });
    assert!(other.admitted().await);
    assert!(other.ended().await, "as idle for less long");
    server.permits.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap().1, "waited");
}

#[tokio::test]
async fn a_handshake_and_a_head_that_do_not_end_are_ended() {
    let mut limits = Limits::default();
    (limits.handshake, limits.header) = (A_WHILE, A_WHILE);
    let server = Server::start(limits).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    assert!(hung_up(&mut tcp).await);
    let mut tls = server.tls(b"http/1.1").await;
    tls.write_all(b"POST /admit HTTP/1.1\r\nHost:")
        .await
        .unwrap();
    assert!(hung_up(&mut tls).await);
    let counts = server.counts.now();
    assert_eq!((counts.handshakes_late, counts.headers_late), (1, 1));
}

#[tokio::test]
async fn a_caller_that_takes_nothing_of_its_answer_is_hung_up_on() {
    let limits = Limits {
        answer_stall: SOON,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut tls = server.tls(b"http/1.1").await;
    let request = b"POST /long HTTP/1.1\r\nHost: guard\r\nContent-Length: 2\r\n\r\n{}";
    tls.write_all(request).await.unwrap();
    until(|| server.counts.now().answers_untaken > 0).await;
    drop(tls);

    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1);
    let mut caller = server.http2_with(&builder).await;
    let _answer = caller.begin("/long", whole("{}")).await.unwrap();
    caller.ended().await;
    assert_eq!(server.counts.now().answers_untaken, 2);
}

#[tokio::test]
async fn one_too_many_ends_a_handshake_then_one_without_a_request_then_an_idle_one() {
    let limits = Limits {
        connections: 4,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut idle = server.http2().await;
    assert!(idle.admitted().await);
    let mut busy = server.http2().await;
    let busy = tokio::spawn(async move { busy.call("/wait", whole("{}")).await });
    let mut silent = server.tls(b"http/1.1").await;
    let mut shaking = TcpStream::connect(server.address).await.unwrap();
    until(|| server.gate.connections() == 4).await;
    // Those that have just begun are spared.
    tokio::time::sleep(A_WHILE).await;

    let mut first = server.http1().await;
    assert!(first.admitted().await);
    assert!(hung_up(&mut shaking).await);
    let mut second = server.http1().await;
    assert!(second.admitted().await);
    assert!(hung_up(&mut silent).await);
    let mut third = server.http1().await;
    assert!(third.admitted().await);
    assert!(idle.ended().await, "by GOAWAY");
    let counts = server.counts.now();
    let shed = (
        counts.shed_handshakes,
        counts.shed_without_request,
        counts.shed_idle,
    );
    assert_eq!(
        (shed, counts.shed_unfinished, counts.refused),
        ((1, 1, 1), 0, 0)
    );

    server.permits.add_permits(1);
    assert_eq!(busy.await.unwrap().unwrap().1, "waited", "never shed");
}

#[tokio::test]
async fn a_caller_gets_in_though_all_others_hold_unfinished_bodies() {
    let limits = Limits {
        connections: 3,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut attackers = Vec::new();
    for _ in 0..3 {
        let mut attacker = server.http2().await;
        assert!(attacker.admitted().await, "so that it has completed one");
        let begun = async move { attacker.begin("/admit", unfinished(1000)).await.is_ok() };
        attackers.push(tokio::spawn(begun));
    }
    until(|| server.gate.unfinished() >= 3 * 8192).await;
    assert!(server.http1().await.admitted().await);
    assert_eq!(server.counts.now().shed_unfinished, 1);
    for attacker in attackers {
        attacker.abort();
    }
}

/// Whether the server closes the connection.
async fn hung_up(io: &mut (impl tokio::io::AsyncRead + Unpin)) -> bool {
    let mut heard = Vec::new();
    timeout(LIMIT, io.read_to_end(&mut heard)).await.is_ok()
}
