//! Tests of connections that send nothing, take nothing, or are too many.

use std::net::IpAddr;

use tokio::io::AsyncWriteExt;

use super::{super::stream::Stream, *};

#[tokio::test]
async fn an_idle_connection_ends_in_peace() {
    let limits = Limits::default();
    let server = Server::start(limits.clone()).await;
    let silent = server.http2().await;
    let (mut one, mut two) = (server.http1().await, server.http2().await);
    assert!(one.admitted().await && two.admitted().await);
    pass(limits.idle).await;
    assert!(one.ended().await && two.ended().await && silent.ended().await);
    assert_eq!(server.counts.now().idle, 3);
}

#[tokio::test]
async fn a_connection_with_a_call_under_way_is_not_idle() {
    let limits = Limits {
        // The call has its own limit.
        idle: LIMIT / 4,
        ..Limits::default()
    };
    let server = Server::start(limits.clone()).await;
    let mut caller = server.http2().await;
    let mut other = server.http2().await;
    let waiting = tokio::spawn(async move { caller.call("/wait", whole("{}")).await });
    until(|| server.gate.at_work() > 0).await;
    assert!(other.admitted().await);
    pass(limits.idle).await;
    assert!(other.ended().await);
    assert_eq!(server.counts.now().idle, 1, "that one alone");
    server.permits.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap().1, "waited");
}

#[tokio::test]
async fn a_handshake_and_a_head_that_do_not_end_are_ended() {
    let limits = Limits::default();
    let server = Server::start(limits.clone()).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    until(|| server.gate.connections() == 1).await;
    pass(limits.handshake).await;
    assert!(hung_up(&mut tcp).await);
    let mut tls = server.tls(b"http/1.1").await;
    tls.write_all(b"POST /admit HTTP/1.1\r\nHost:")
        .await
        .unwrap();
    // The server has read everything that came before this call.
    assert!(server.http1().await.admitted().await);
    pass(limits.header).await;
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

#[tokio::test(start_paused = true)]
async fn a_write_that_waits_for_too_long_ends_though_its_answer_was_given() {
    let gate = Gate::new(Limits::default(), Counts::default());
    let (seat, _orders) = gate.enter(IpAddr::from([127, 0, 0, 1])).unwrap();
    let (near, _far) = tokio::io::duplex(64);
    let mut stream = Stream::new(near, Arc::new(seat), true);
    let written = timeout(LIMIT, stream.write_all(&[0; 65])).await;
    let error = written.expect("not for ever").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(gate.counts.now().answers_untaken, 1);
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
    until(|| server.gate.connections() == 4 && server.gate.at_work() > 0).await;
    // Connections that have just begun are spared.
    pass(Duration::from_secs(2)).await;

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
async fn one_that_said_nothing_ends_before_an_old_handshake() {
    let limits = Limits {
        connections: 4,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut shaking = TcpStream::connect(server.address).await.unwrap();
    shaking.write_all(&[22]).await.unwrap();
    until(|| server.gate.connections() == 1).await;
    pass(Duration::from_secs(2)).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    until(|| server.gate.connections() == 2).await;
    pass(SOON).await;
    assert!(server.http1().await.admitted().await);
    assert!(hung_up(&mut silent).await);
    let counts = server.counts.now();
    assert_eq!((counts.shed_handshakes, counts.handshakes_late), (1, 0));
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
