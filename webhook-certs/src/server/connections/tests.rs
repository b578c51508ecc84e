//! Tests of which connection ends for another, and when.

use super::*;

#[test]
fn they_end_in_the_order_that_is_promised() {
    let mut all = connections(16);
    let unfinished = open(&mut all, 1, 0);
    complete(&mut all, unfinished, 0);
    all.begin(unfinished);
    let request = open(&mut all, 1, 20);
    all.begin(request);
    let shaking = handshake(&mut all, 20);
    let opened = open(&mut all, 1, 19);
    let idle = open(&mut all, 1, 0);
    complete(&mut all, idle, 1);
    let old = open(&mut all, 1, 18);
    all.begin(old);
    let slow = handshake(&mut all, 18);
    let silent = all.enter(peer(1), at(19)).unwrap();
    assert!(all.take_orders().is_empty());

    for (id, order, why) in [
        (silent, Order::End, End::ShedHandshake),
        (slow, Order::End, End::ShedHandshake),
        (old, Order::End, End::ShedWithoutRequest),
        (idle, Order::Leave, End::ShedIdle),
        (opened, Order::End, End::ShedWithoutRequest),
        (unfinished, Order::End, End::ShedUnfinished),
        (shaking, Order::End, End::ShedHandshake),
        (request, Order::End, End::ShedWithoutRequest),
    ] {
        assert!(all.shed_one(at(20)));
        assert_eq!(all.take_orders(), [(id, order, why)]);
    }
    assert!(!all.shed_one(at(20)), "there is none left");
}

#[test]
fn one_at_work_ends_for_no_other() {
    let mut all = connections(1);
    let busy = open(&mut all, 1, 0);
    let call = all.begin(busy);
    all.progress(busy, call, Progress::AtWork, at(0));
    assert!(all.enter(peer(2), at(1)).is_none());
    assert!(all.take_orders().is_empty());
}

#[test]
fn an_address_loses_first_that_has_many_of_the_kind_that_goes() {
    let mut all = connections(100);
    // Other connections of an address do not count.
    let mine = open(&mut all, 1, 0);
    for _ in 0..2 * FEW {
        let busy = open(&mut all, 1, 0);
        complete(&mut all, busy, 0);
    }
    let others: Vec<_> = (0..=FEW).map(|_| open(&mut all, 2, 1)).collect();
    assert!(all.shed_one(at(10)) && all.shed_one(at(10)));
    let ended: Vec<_> = all.take_orders().iter().map(|told| told.0).collect();
    assert_eq!(
        ended,
        [others[0], mine],
        "of those that have few, the oldest"
    );
}

#[test]
fn of_idle_ones_a_stranger_goes_before_an_old_acquaintance() {
    let mut all = connections(100);
    let known = open(&mut all, 1, 0);
    for _ in 0..3 {
        complete(&mut all, known, 1);
    }
    let stranger = open(&mut all, 1, 0);
    complete(&mut all, stranger, 9);
    assert!(all.shed_one(at(10)));
    assert_eq!(all.take_orders(), [(stranger, Order::Leave, End::ShedIdle)]);
}

#[test]
fn those_that_completed_nothing_have_half_of_the_places() {
    let mut all = connections(8);
    let idle = open(&mut all, 1, 0);
    complete(&mut all, idle, 0);
    let first: Vec<_> = (0..3).map(|_| open(&mut all, 1, 1)).collect();
    let shaking = handshake(&mut all, 1);
    assert!(all.take_orders().is_empty());
    for gone in first {
        handshake(&mut all, 1);
        let orders = all.take_orders();
        assert_eq!(orders, [(gone, Order::End, End::ShedWithoutRequest)]);
    }
    handshake(&mut all, 1);
    assert_eq!(
        all.take_orders(),
        [(shaking, Order::End, End::ShedHandshake)]
    );
}

#[test]
fn one_more_waits_while_all_that_are_new_have_just_begun() {
    let mut all = connections(8);
    let millis = Duration::from_millis;
    let ids: Vec<_> = (0..4).map(|_| handshake(&mut all, 1)).collect();
    assert!(all.is_crowded(at(1)) && all.is_crowded(at(1) + millis(499)));
    assert!(!all.is_crowded(at(1) + millis(500)));
    all.gone(ids[0]);
    assert!(!all.is_crowded(at(1)), "there is a place");
    all.enter(peer(1), at(1)).unwrap();
    assert!(all.is_crowded(at(1)));
    assert!(
        !all.is_crowded(at(1) + millis(100)),
        "that one says nothing"
    );
}

#[test]
fn answers_share_their_room_and_who_takes_least_goes() {
    let mut all = connections(8);
    let most = all.limits.answers;
    let answer = |all: &mut Connections, second: u64, held: usize| {
        let id = open(all, 1, second);
        let call = all.begin(id);
        let progress = Progress::Answering(at(second), held);
        all.progress(id, call, progress, at(second));
        (id, all.take_orders())
    };
    assert_eq!(
        answer(&mut all, 0, 2 * most).1,
        [],
        "alone it may be longer"
    );
    let mut all = connections(8);
    let (first, none) = answer(&mut all, 0, most / 2);
    assert_eq!(none, []);
    let (second, none) = answer(&mut all, 0, most / 2);
    assert_eq!(none, [], "they may be in a hurry");
    let (_, ended) = answer(&mut all, 0, 1);
    assert_eq!(ended, [(first, Order::End, End::ShedAnswers)]);
    let (_, ended) = answer(&mut all, 1, 1);
    assert_eq!(ended, [(second, Order::End, End::ShedAnswers)], "slow");
}

#[test]
fn what_is_overdue_is_told_to_go_in_its_first_second_and_not_before() {
    let mut all = connections(16);
    let shaking = all.enter(peer(1), at(0)).unwrap();
    let head = open(&mut all, 1, 0);
    all.heard(head, at(3));
    all.heard(head, at(9));
    let untaken = open(&mut all, 1, 0);
    let call = all.begin(untaken);
    all.progress(untaken, call, Progress::Answering(at(5), 9), at(5));
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
    all.progress(answering, call, Progress::AtWork, at(0));
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

fn handshake(all: &mut Connections, second: u64) -> ConnectionId {
    let id = all.enter(peer(1), at(second)).unwrap();
    all.spoke(id);
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
