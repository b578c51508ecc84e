//! Who ends for whom, and when.

use super::*;

#[test]
fn they_end_in_the_order_that_is_promised() {
    let mut all = connections(6);
    let idle = open(&mut all, 1, 0);
    complete(&mut all, idle, 1);
    let unfinished = open(&mut all, 1, 0);
    complete(&mut all, unfinished, 0);
    all.begin(unfinished);
    let busy = open(&mut all, 1, 0);
    let call = all.begin(busy);
    all.progress(busy, call, Progress::AtWork);
    let silent = open(&mut all, 1, 2);
    let [younger, older] = [5, 4].map(|second| all.enter(peer(1), at(second)).unwrap());
    assert!(all.take_orders().is_empty());

    let mut next = |second| {
        let id = all.enter(peer(1), at(second));
        // It is busy from now on.
        if let Some(id) = id {
            all.opened(id, at(second));
            let call = all.begin(id);
            all.progress(id, call, Progress::AtWork);
        }
        (id.is_some(), all.take_orders())
    };
    for (second, expected) in [
        (10, (older, Order::End, End::ShedHandshake)),
        (11, (younger, Order::End, End::ShedHandshake)),
        (12, (silent, Order::End, End::ShedWithoutRequest)),
        (13, (idle, Order::Leave, End::ShedIdle)),
        (14, (unfinished, Order::End, End::ShedUnfinished)),
    ] {
        assert_eq!(next(second), (true, vec![expected]));
    }
    assert_eq!(next(15), (false, vec![]), "all are at work");
}

#[test]
fn of_one_kind_the_address_with_most_connections_loses_first() {
    let mut all = connections(5);
    let mine = open(&mut all, 1, 0);
    let others = [1, 2, 3].map(|second| open(&mut all, 2, second));
    let last = open(&mut all, 1, 9);
    all.enter(peer(3), at(10)).unwrap();
    let orders = all.take_orders();
    assert_eq!(orders, [(others[0], Order::End, End::ShedWithoutRequest)]);
    assert!(all.all.contains_key(&mine) && all.all.contains_key(&last));
}

#[test]
fn handshakes_have_half_of_the_places() {
    let mut all = connections(8);
    let first: Vec<_> = (0..4)
        .map(|second| all.enter(peer(1), at(second)).unwrap())
        .collect();
    assert!(all.take_orders().is_empty());
    all.enter(peer(1), at(9)).unwrap();
    assert_eq!(
        all.take_orders(),
        [(first[0], Order::End, End::ShedHandshake)]
    );
}

#[test]
fn what_is_overdue_is_told_to_go_in_its_first_second_and_not_before() {
    let mut all = connections(9);
    let shaking = all.enter(peer(1), at(0)).unwrap();
    let head = open(&mut all, 1, 0);
    all.heard(head, at(3));
    all.heard(head, at(9));
    let untaken = open(&mut all, 1, 0);
    let call = all.begin(untaken);
    all.progress(untaken, call, Progress::Answering(at(5)));
    let idle = open(&mut all, 1, 0);
    let busy = open(&mut all, 1, 0);
    all.begin(busy);
    let mut told = BTreeMap::new();
    for second in 0..400 {
        all.sweep(at(second));
        for (id, order, why) in all.take_orders() {
            told.entry(id)
                .or_insert_with(Vec::new)
                .push((second, order, why));
        }
    }
    assert_eq!(
        told.remove(&shaking),
        Some(vec![(10, Order::End, End::Handshake)])
    );
    assert_eq!(
        told.remove(&head),
        Some(vec![(13, Order::End, End::Header)])
    );
    assert_eq!(
        told.remove(&untaken),
        Some(vec![(35, Order::End, End::Untaken)])
    );
    let idle_then_late = vec![(120, Order::Leave, End::Idle), (125, Order::End, End::Late)];
    assert_eq!(told.remove(&idle), Some(idle_then_late));
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn one_that_leaves_may_answer_first_and_those_that_leave_are_few() {
    let mut all = connections(8);
    let answering = open(&mut all, 1, 0);
    let call = all.begin(answering);
    all.progress(answering, call, Progress::AtWork);
    all.all_leave(at(1));
    assert_eq!(
        all.take_orders(),
        [(answering, Order::Leave, End::Stopping)]
    );
    all.sweep(at(100));
    assert!(all.take_orders().is_empty());
    all.end(answering, call, true, at(100));
    all.sweep(at(101));
    assert_eq!(all.take_orders(), [(answering, Order::End, End::Late)]);

    let mut all = connections(8);
    for second in 0..40 {
        let id = open(&mut all, 1, second);
        complete(&mut all, id, second);
    }
    let there = all
        .all
        .values()
        .filter(|c| c.stage != Stage::Ending)
        .count();
    assert!(there <= 8 + 1 + 1, "{there}");
}

#[test]
fn an_upgraded_connection_is_the_apps() {
    let mut all = connections(1);
    let id = open(&mut all, 1, 0);
    all.upgraded(id);
    all.sweep(at(1000));
    assert!(all.enter(peer(2), at(1000)).is_none());
    assert!(all.take_orders().is_empty());
    all.gone(id);
    assert!(all.is_empty() && all.enter(peer(2), at(1001)).is_some());
}

fn connections(most: usize) -> Connections {
    let limits = Limits {
        connections: most,
        ..Limits::default()
    };
    Connections::new(&limits)
}

fn open(all: &mut Connections, of: u8, second: u64) -> ConnectionId {
    let id = all.enter(peer(of), at(second)).unwrap();
    all.opened(id, at(second));
    id
}

fn complete(all: &mut Connections, id: ConnectionId, second: u64) {
    let call = all.begin(id);
    all.end(id, call, true, at(second));
}

fn peer(of: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, of])
}

fn at(second: u64) -> Duration {
    Duration::from_secs(second)
}
