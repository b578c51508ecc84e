//! Tests of which body is dropped when there is no room.

use super::*;

const ONE: ConnectionId = ConnectionId(1);
const TWO: ConnectionId = ConnectionId(2);

#[test]
fn the_slowest_unfinished_body_goes_when_the_room_is_full() {
    let mut bodies = bodies();
    let slow = arriving(&mut bodies, ONE, 30_000, 0);
    let fast = arriving(&mut bodies, TWO, 30_000, 5);
    let new = bodies.begin(ConnectionId(3), false, at(10));
    assert_eq!(bodies.grow(new, (1, 30_000), at(10)), Ok(()));
    assert_eq!(bodies.take_dropped(), [slow]);
    assert_eq!(
        bodies.grow(slow, (30_001, 60_000), at(10)),
        Err(NoRoom::Dropped)
    );
    assert_eq!(bodies.grow(fast, (30_000, 30_000), at(10)), Ok(()));
}

#[test]
fn a_body_that_has_just_begun_is_not_slow() {
    let mut bodies = bodies();
    let old = arriving(&mut bodies, ONE, 60_000, 0);
    let new = bodies.begin(TWO, false, at(100));
    assert_eq!(bodies.grow(new, (0, 34_000), at(100)), Ok(()));
    assert_eq!(bodies.take_dropped(), [old]);
}

#[test]
fn among_those_that_have_just_begun_the_largest_goes() {
    let mut bodies = bodies();
    let large = arriving(&mut bodies, ONE, 50_000, 0);
    let small = bodies.begin(TWO, false, at(0));
    assert_eq!(bodies.grow(small, (10_000, 44_000), at(0)), Ok(()));
    assert_eq!(bodies.take_dropped(), [large]);
}

#[test]
fn bodies_of_addresses_that_have_taken_no_answer_go_first() {
    let mut bodies = bodies();
    let known = bodies.begin(ONE, true, at(0));
    assert_eq!(bodies.grow(known, (50_000, 50_000), at(0)), Ok(()));
    let stranger = bodies.begin(TWO, false, at(20));
    assert_eq!(bodies.grow(stranger, (1, 30_000), at(20)), Ok(()));
    let another = bodies.begin(ConnectionId(3), false, at(20));
    let _ = bodies.grow(another, (1, 20_000), at(20));
    assert_eq!(
        bodies.take_dropped(),
        [stranger],
        "not the slow or large one"
    );
    let of_known = bodies.begin(ConnectionId(4), true, at(20));
    assert_eq!(bodies.grow(of_known, (1, 60_000), at(20)), Ok(()));
    assert_eq!(bodies.take_dropped(), [another, known]);

    let mut bodies = self::bodies();
    let working = arriving(&mut bodies, ONE, 45_000, 0);
    assert_eq!(bodies.may_work(working), Ok(()));
    let complete = arriving(&mut bodies, TWO, 45_000, 0);
    assert_eq!(bodies.may_work(complete), Err(NoRoom::Yet));
    let of_known = bodies.begin(ConnectionId(3), true, at(0));
    assert_eq!(bodies.grow(of_known, (1, 64_000), at(0)), Ok(()));
    assert_eq!(
        bodies.take_dropped(),
        [complete],
        "not the one that arrives"
    );
}

#[test]
fn the_bodies_of_a_connection_drop_their_own_and_no_other() {
    let mut bodies = bodies();
    let other = arriving(&mut bodies, TWO, 10_000, 0);
    let first = arriving(&mut bodies, ONE, 30_000, 1);
    let second = bodies.begin(ONE, false, at(10));
    assert_eq!(bodies.grow(second, (1, 40_000), at(10)), Ok(()));
    assert_eq!(bodies.take_dropped(), [first]);
    assert_eq!(bodies.grow(other, (10_000, 10_000), at(10)), Ok(()));
}

#[test]
fn one_body_at_a_time_is_longer_than_the_part_of_a_connection() {
    let mut bodies = bodies();
    let long = arriving(&mut bodies, ONE, 70_000, 0);
    let next = arriving(&mut bodies, TWO, 20_000, 0);
    assert_eq!(bodies.grow(next, (20_000, 70_000), at(0)), Err(NoRoom::Yet));
    assert!(bodies.take_dropped().is_empty());
    // It stalls, so the next one is faster.
    let faster = bodies.begin(TWO, false, at(100));
    assert_eq!(bodies.grow(faster, (20_000, 20_000), at(100)), Ok(()));
    assert_eq!(bodies.grow(faster, (20_001, 70_000), at(101)), Ok(()));
    assert!(bodies.take_dropped().contains(&long));
}

#[test]
fn what_the_app_works_on_is_bounded_and_the_shortest_comes_next() {
    let mut bodies = bodies();
    let lengths = [(1, 35_000), (2, 35_000), (3, 15_000)];
    let [first, long, short] =
        lengths.map(|(of, length)| arriving(&mut bodies, ConnectionId(of), length, 0));
    assert_eq!(bodies.may_work(first), Ok(()));
    assert_eq!(bodies.may_work(long), Err(NoRoom::Yet));
    assert_eq!(bodies.may_work(short), Ok(()), "there is room for this one");
    let longer = arriving(&mut bodies, ConnectionId(4), 36_000, 0);
    bodies.end(first);
    assert_eq!(bodies.may_work(longer), Err(NoRoom::Yet), "not its turn");
    assert_eq!(bodies.may_work(long), Ok(()));
    bodies.end(longer);
    assert_eq!(bodies.unfinished(), 0);
}

#[test]
fn what_the_app_works_on_is_never_dropped() {
    let mut bodies = bodies();
    let working = arriving(&mut bodies, ONE, 40_000, 0);
    assert_eq!(bodies.may_work(working), Ok(()));
    let others = [2, 3, 4].map(|of| arriving(&mut bodies, ConnectionId(of), 40_000, 5));
    let dropped = bodies.take_dropped();
    assert!(!dropped.is_empty() && dropped.iter().all(|id| others.contains(id)));
}

#[test]
fn a_complete_body_that_waits_goes_after_all_that_still_arrive() {
    let mut bodies = bodies();
    let working = arriving(&mut bodies, ONE, 45_000, 0);
    assert_eq!(bodies.may_work(working), Ok(()));
    let waiting = arriving(&mut bodies, TWO, 45_000, 0);
    assert_eq!(bodies.may_work(waiting), Err(NoRoom::Yet));
    let arriving = arriving(&mut bodies, ConnectionId(3), 20_000, 1);
    let new = bodies.begin(ConnectionId(4), false, at(9));
    assert_eq!(bodies.grow(new, (1, 45_000), at(9)), Ok(()));
    assert_eq!(bodies.take_dropped(), [arriving]);
}

#[test]
fn whatever_happens_no_bound_is_exceeded() {
    // A plain random number generator: the same run each time.
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let mut bodies = bodies();
    let mut known = Vec::new();
    for second in 0..20_000 {
        let connection = ConnectionId(random(4));
        let pick = usize::try_from(random(20)).unwrap();
        match (random(4), known.get(pick).copied()) {
            (0, _) | (_, None) => known.push(bodies.begin(connection, random(2) == 0, at(second))),
            (1, Some(id)) => {
                let _ = bodies.may_work(id);
            }
            (2, Some(id)) => {
                bodies.end(id);
                known.retain(|other| *other != id);
            }
            (_, Some(id)) => {
                let memory = usize::try_from(random(80_000)).unwrap();
                let _ = bodies.grow(id, (memory / 2, memory), at(second));
            }
        }
        for gone in bodies.take_dropped() {
            known.retain(|other| *other != gone);
        }
        let begun = 24 * OVERHEAD;
        assert!(bodies.unfinished() <= bodies.most + begun, "at {second}");
        let longest = (bodies.all.values().filter(|body| bodies.is_long(body.held))).count();
        assert!(longest <= 1, "at {second}");
    }
}

fn bodies() -> Bodies {
    let mut limits = Limits::default();
    (limits.admission_body, limits.conversion_body) = (50_000, 80_000);
    (limits.connection_bodies, limits.bodies) = (66_000, 100_000);
    limits.bodies_at_work = 75_000;
    Bodies::new(&limits)
}

fn arriving(bodies: &mut Bodies, on: ConnectionId, length: usize, since: u64) -> BodyId {
    let id = bodies.begin(on, false, at(since));
    assert_eq!(bodies.grow(id, (length, length), at(since)), Ok(()));
    id
}

fn at(second: u64) -> Duration {
    Duration::from_secs(second)
}
