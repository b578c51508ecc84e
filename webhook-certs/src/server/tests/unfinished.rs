//! Tests of bodies that do not end.

use super::{super::LimitCounts, *};

const BODY: usize = 1_900_000;

#[tokio::test]
async fn hundreds_of_unfinished_bodies_on_one_connection_stay_within_its_part_and_calls_go_on() {
    let server = Server::start(Limits::default()).await;
    let attacker = server.http2().await;
    let Sender::Two(sender) = &attacker.sender else {
        panic!("HTTP/2 was asked for");
    };
    let mut attacks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let mut sender = sender.clone();
        let request = Request::post("https://guard.guard-system.svc/admit");
        let request = request.body(unfinished(BODY)).unwrap();
        attacks.spawn(async move { sender.send_request(request).await.map(|a| a.status()) });
    }
    let mut caller = server.http1().await;
    let part = Limits::default().connection_bodies;
    let calling = async {
        while server.counts.now().bodies_dropped < 190 {
            assert!(caller.admitted().await);
            assert!(
                server.gate.unfinished() <= part + 8192,
                "one call beside them"
            );
        }
    };
    timeout(LIMIT, calling).await.expect("190 are dropped");
    for _ in 0..190 {
        let dropped = attacks.join_next().await.unwrap().unwrap();
        assert_eq!(dropped.unwrap().as_u16(), 503);
    }
    drop((attacks, attacker));
    until(|| server.gate.unfinished() == 0).await;
}

#[tokio::test]
async fn unfinished_bodies_on_many_connections_share_the_room_and_calls_go_on() {
    let limits = Limits {
        body_stall: NEVER,
        body_time: NEVER,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut attackers = Vec::new();
    for _ in 0..30 {
        let mut attacker = server.http1().await;
        attackers.push(tokio::spawn(async move {
            let answer = attacker.begin("/admit", unfinished(BODY)).await;
            answer.map(|answer| answer.status().as_u16())
        }));
    }
    let most = Limits::default().bodies;
    until(|| server.counts.now().bodies_dropped > 0).await;
    let mut caller = server.http1().await;
    for call in 0..20 {
        assert!(caller.admitted().await, "{call}");
        assert!(server.gate.unfinished() <= most);
    }
    assert!(server.gate.unfinished() > most / 2, "the room is used");
    let told = || attackers.iter().filter(|attacker| attacker.is_finished());
    until(|| u64::try_from(told().count()) == Ok(server.counts.now().bodies_dropped)).await;
    for attacker in attackers {
        if attacker.is_finished() {
            assert_eq!(attacker.await.unwrap().unwrap(), 503);
        } else {
            attacker.abort();
        }
    }
    until(|| server.gate.unfinished() == 0).await;
}

#[tokio::test]
async fn a_body_that_stalls_ends() {
    let limits = Limits {
        body_stall: SOON,
        body_time: NEVER,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    for mut caller in [server.http1().await, server.http2().await] {
        let (status, _) = caller.call("/admit", unfinished(1000)).await.unwrap();
        assert_eq!(status, 408);
    }
    assert_eq!(server.counts.now().bodies_late, 2);
    assert_eq!(server.gate.unfinished(), 0);
}

#[tokio::test]
async fn a_body_that_takes_too_long_ends_though_it_has_not_stalled() {
    let limits = Limits {
        body_time: SOON,
        body_stall: NEVER,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut caller = server.http1().await;
    let (status, _) = caller.call("/admit", unfinished(1000)).await.unwrap();
    assert_eq!((status, server.counts.now().bodies_late), (408, 1));
}

#[tokio::test]
async fn a_long_conversion_waits_for_the_one_before() {
    let limits = Limits {
        bodies_at_work: 100_000,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let long = || whole(&review("ConversionReview", 80_000));
    let (mut first, mut second) = (server.http1().await, server.http1().await);
    let first = tokio::spawn(async move { first.call("/wait", long()).await });
    until(|| server.gate.at_work() > 0).await;
    let second = tokio::spawn(async move { second.call("/admit", long()).await });
    until(|| server.gate.unfinished() > 0).await;
    let mut other = server.http1().await;
    for _ in 0..3 {
        assert!(other.admitted().await, "short ones go on");
    }
    assert!(!second.is_finished());
    server.permits.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap().1, "waited");
    assert_eq!(second.await.unwrap().unwrap().0, 200);
}

#[tokio::test]
async fn a_conversion_of_16_mib_is_answered_while_another_waits_and_then_that_one() {
    const MIB: usize = 1 << 20;
    let server = Server::start(Limits::default()).await;
    let longest = || whole(&review("ConversionReview", 16 * MIB));
    let (mut first, mut second) = (server.http1().await, server.http2().await);
    let first = tokio::spawn(async move { first.call("/convert", longest()).await });
    until(|| server.gate.at_work() >= 16 * MIB).await;
    let second = tokio::spawn(async move { second.call("/convert", longest()).await });
    until(|| server.gate.unfinished() > MIB).await;
    server.permits.add_permits(1);
    let expected = (200, r#"{"uid":"7"}"#.to_owned());
    assert_eq!(first.await.unwrap().unwrap(), expected);
    assert!(!second.is_finished());
    server.permits.add_permits(1);
    assert_eq!(second.await.unwrap().unwrap(), expected);
    assert_eq!(server.counts.now(), LimitCounts::default());
}
