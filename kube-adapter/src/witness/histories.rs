//! Properties of the witness over any history: servers that differ or whose clocks are reset, calls of any length, a
//! monotonic clock whose rate is off, and a machine that sleeps. The local wall clock is in none of them: no code here
//! reads it.
//!
//! What holds for a server that answered within the last half hour by the monotonic clock:
//!
//! * its time is not before `earliest`, however long the machine slept;
//! * its time is not after `latest`, unless the machine slept since that answer's request was sent.
//!
//! So after a sleep the first answer makes the bounds right again, and the rotator asks for one before each signing and
//! each removal.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Milliseconds throughout.
const SECOND: i128 = 1000;
const HALF_AN_HOUR: i128 = 30 * 60 * SECOND;
const YEAR: i128 = 365 * 86_400 * SECOND;
const SERVERS: usize = 3;
/// The most by which NTP turns the rate of a clock, in millionths.
const RATE: i128 = 500;

#[derive(Clone, Debug)]
enum Leg {
    /// Time passes.
    Wait(i128),
    /// Time passes while the monotonic clock stands still.
    Sleep(i128),
    /// A server's clock is changed by so much.
    Set(usize, i128),
    /// A request to a server: the times there and back.
    Ask(usize, i128, i128),
}

fn wait() -> impl Strategy<Value = Leg> {
    prop_oneof![0..5 * SECOND, 0..HALF_AN_HOUR, 0..YEAR].prop_map(Leg::Wait)
}

fn sleep() -> impl Strategy<Value = Leg> {
    prop_oneof![0..5 * SECOND, 0..20 * YEAR].prop_map(Leg::Sleep)
}

fn set() -> impl Strategy<Value = Leg> {
    let by = prop_oneof![-5 * SECOND..5 * SECOND, -20 * YEAR..20 * YEAR];
    (0..SERVERS, by).prop_map(|(server, by)| Leg::Set(server, by))
}

fn ask() -> impl Strategy<Value = Leg> {
    // The client gives up a call after ten seconds.
    let way = || 0..5 * SECOND;
    (0..SERVERS, way(), way()).prop_map(|(server, there, back)| Leg::Ask(server, there, back))
}

fn history() -> impl Strategy<Value = Vec<Leg>> {
    let leg = prop_oneof![3 => wait(), 1 => sleep(), 1 => set(), 6 => ask()];
    vec(leg, 1..60)
}

/// True time, and what the clocks show.
#[derive(Debug)]
struct World {
    now: i128,
    /// Millionths of milliseconds, to lose nothing of the rate.
    monotonic: i128,
    rate: i128,
    servers: [Server; SERVERS],
    witness: Witness,
    answered: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Server {
    /// Its time minus true time.
    ahead: i128,
    /// When it answered last, by the monotonic clock; none if not since its clock was changed.
    heard: Option<i128>,
    /// Whether the machine slept since that answer's request was sent.
    slept: bool,
}

impl World {
    fn new(ahead: [i128; SERVERS], rate: i128) -> Self {
        Self {
            now: i128::from(UnixTime::from_secs(1_800_000_000).as_secs()) * SECOND,
            monotonic: 0,
            rate,
            servers: ahead.map(|ahead| Server {
                ahead,
                ..Server::default()
            }),
            witness: Witness::default(),
            answered: false,
        }
    }

    fn live(&mut self, leg: &Leg) {
        match *leg {
            Leg::Wait(wait) => self.wait(wait),
            Leg::Sleep(sleep) => {
                self.now += sleep;
                for server in &mut self.servers {
                    server.slept |= sleep > 0;
                }
            }
            Leg::Set(server, by) => {
                self.servers[server].ahead += by;
                self.servers[server].heard = None;
            }
            Leg::Ask(server, there, back) => self.ask(server, there, back),
        }
    }

    fn wait(&mut self, wait: i128) {
        self.now += wait;
        self.monotonic += wait * (1_000_000 + self.rate);
    }

    fn ask(&mut self, server: usize, there: i128, back: i128) {
        let sent = self.elapsed();
        self.wait(there);
        let date = self.time_of(server);
        self.wait(back);
        self.witness.hear(Sample {
            date: UnixTime::from_secs(date),
            sent,
            received: self.elapsed(),
        });
        self.answered = true;
        self.servers[server].heard = Some(self.monotonic);
        self.servers[server].slept = false;
    }

    /// In whole seconds, as in a `Date`.
    fn time_of(&self, server: usize) -> i64 {
        let time = self.now + self.servers[server].ahead;
        i64::try_from(time.div_euclid(SECOND)).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.monotonic).unwrap())
    }

    /// Checks everything that is promised.
    fn check(&self) -> Result<(), TestCaseError> {
        let bounds = self.witness.bounds(self.elapsed());
        prop_assert_eq!(bounds.is_some(), self.answered);
        for (index, server) in self.servers.iter().enumerate() {
            let is_recent = |heard: i128| self.monotonic - heard <= HALF_AN_HOUR * 1_000_000;
            let (Some(bounds), true) = (bounds, server.heard.is_some_and(is_recent)) else {
                continue;
            };
            let time = self.time_of(index);
            prop_assert!(
                bounds.earliest().as_secs() <= time,
                "{index}: {time} {bounds:?}"
            );
            prop_assert!(
                server.slept || time <= bounds.latest().as_secs(),
                "{index}: {time} {bounds:?}"
            );
        }
        Ok(())
    }
}

/// The default; `PROPTEST_CASES` may ask for more.
const CASES: u32 = 2000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES.max(ProptestConfig::default().cases)))]

    #[test]
    fn every_server_heard_of_lately_is_inside(
        ahead in prop::array::uniform3(prop_oneof![-5 * SECOND..5 * SECOND, -20 * YEAR..20 * YEAR]),
        rate in -RATE..=RATE,
        history in history(),
    ) {
        let mut world = World::new(ahead, rate);
        for leg in &history {
            world.live(leg);
            world.check()?;
        }
    }

    /// Every signature relies on this.
    #[test]
    fn after_any_sleep_the_first_answer_makes_the_bounds_hold_whoever_gave_it(
        rate in -RATE..=RATE,
        before in history(),
        asleep in 0..20 * YEAR,
        server in 0..SERVERS,
        (there, back) in (0..5 * SECOND, 0..5 * SECOND),
    ) {
        let mut world = World::new([0; SERVERS], rate);
        for leg in &before {
            world.live(leg);
        }
        world.live(&Leg::Sleep(asleep));
        world.live(&Leg::Ask(server, there, back));
        let time = world.time_of(server);
        let bounds = world.witness.bounds(world.elapsed()).unwrap();
        prop_assert!(bounds.earliest().as_secs() <= time && time <= bounds.latest().as_secs());
    }
}
