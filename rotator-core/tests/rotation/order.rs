//! What comes before what: a fresh answer about the time before a signature, the record before what its keys signed.

use std::time::Duration;

use certgen::{Chain, UnixTime};
use futures::executor::block_on;
use proptest::{collection::vec, prelude::*, sample::select};
use rotator_core::{
    Authority, Clock, ClockError, Duty, EntryEdit, Event, Fault, MemoryClock, MemoryStore,
    MemoryTargets, PatchError, Ports, Record, RecordName, Revision, Rotator, SecretStore,
    StoreError, Stored, TargetRef, TargetState, TargetView, TimeBounds, WebhookPatcher,
};

use crate::world::{START, TestEntropy, World, authority, durations, secs, serving, settings};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn nothing_leaves_before_the_record_of_its_keys_is_stored(
        faults in vec((1..90_i64, any::<bool>(), fault()), 0..20),
    ) {
        let world = World::new();
        let (store, clock) = (world.ports.authority, world.ports.clock);
        let ports = Ports {
            authority: Guarded(store.clone()),
            serving: Guarded(store.clone()),
            patcher: GuardedTargets {
                targets: world.ports.patcher,
                store: Guarded(store.clone()),
                clock: clock.clone(),
            },
            clock: clock.clone(),
            entropy: TestEntropy,
        };
        let mut rotator = world.rotator;
        for second in 1..90 {
            for (_, is_authority, fault) in faults.iter().filter(|(at, ..)| *at == second) {
                store.arm(&if *is_authority { authority() } else { serving() }, *fault);
            }
            clock.set(exactly(START + second));
            rotator.invalidate();
            for _ in 0..4 {
                let elapsed = secs(second.unsigned_abs());
                let _ = block_on(rotator.step(&ports, Duty::Lead, elapsed));
            }
        }
        prop_assert!(store.get(&serving()).is_some());
    }
}

#[test]
fn dates_come_from_the_fresh_answer() {
    let stale = MemoryClock::new(exactly(START + 1_000_000));
    let (fresh, width) = (UnixTime::from_secs(START), secs(3));
    let clock = Asked(stale, Some(TimeBounds::around(fresh, width)));
    let (_, events) = one_step(clock);
    let latest = fresh.saturating_add(width);
    let not_after = latest.saturating_add(durations().ca_lifetime);
    assert_eq!(events, [Event::AuthorityCreated { not_after }]);
}

#[test]
fn nothing_is_written_while_the_time_is_unknown() {
    let clock = Asked(MemoryClock::new(exactly(START)), None);
    let (store, events) = one_step(clock);
    assert_eq!(events, []);
    assert_eq!(store.writes(), 0);
}

fn one_step(clock: Asked) -> (MemoryStore, Vec<Event>) {
    let world = World::new();
    let store = world.ports.authority.clone();
    let ports = Ports {
        authority: world.ports.authority,
        serving: world.ports.serving,
        patcher: world.ports.patcher,
        entropy: world.ports.entropy,
        clock,
    };
    let report =
        block_on(Rotator::new(settings(durations())).step(&ports, Duty::Lead, Duration::ZERO));
    assert_eq!(report.clock.is_some(), report.done.is_empty());
    let events = report.done.into_iter().map(|(_, event)| event);
    (store, events.collect())
}

fn exactly(secs: i64) -> TimeBounds {
    TimeBounds::exactly(UnixTime::from_secs(secs))
}

fn fault() -> impl Strategy<Value = Fault> {
    select(vec![
        Fault::Conflict,
        Fault::Forbidden,
        Fault::LostReply,
        Fault::Unavailable,
        Fault::Unreadable,
    ])
}

/// A clock that knows one thing and, if asked, answers another or nothing.
struct Asked(MemoryClock, Option<TimeBounds>);

impl Clock for Asked {
    fn bounds(&self) -> Option<TimeBounds> {
        self.0.bounds()
    }

    async fn fresh(&self) -> Result<TimeBounds, ClockError> {
        self.1.ok_or_else(|| ClockError::new("no answer"))
    }
}

/// A store that takes nothing whose issuer it does not hold.
struct Guarded(MemoryStore);

impl Guarded {
    fn authority(&self) -> Authority {
        Authority::decode(&self.0.get(&authority()).unwrap()).unwrap()
    }

    fn check(&self, record: &Record) {
        let (held, text) = (self.authority(), self.0.get(&authority()).unwrap());
        let chain = Chain::from_pem(record.expose("tls.crt").unwrap()).unwrap();
        let mut roots = held.roots();
        assert!(roots.any(|root| chain.leaf().is_signed_by(root)));
        for cross in chain.intermediates() {
            let mut entries = text.expose_entries();
            assert!(entries.any(|(_, bytes)| bytes == cross.to_pem().as_bytes()));
        }
    }
}

impl SecretStore for Guarded {
    async fn load(&self, name: &RecordName) -> Result<Stored, StoreError> {
        self.0.load(name).await
    }

    async fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        if *name == serving() {
            self.check(record);
        }
        self.0.save(name, record, seen).await
    }
}

/// Targets that take no unexpired root which the store does not hold.
struct GuardedTargets {
    targets: MemoryTargets,
    store: Guarded,
    clock: MemoryClock,
}

impl WebhookPatcher for GuardedTargets {
    async fn observe(&self) -> Vec<(TargetRef, TargetState)> {
        self.targets.observe().await
    }

    async fn publish(&self, target: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        let held = self.store.authority();
        let latest = self.clock.bounds().map(TimeBounds::latest);
        for anchor in edits.iter().flat_map(|edit| edit.bundle.anchors()) {
            let is_held = held
                .roots()
                .any(|root| root.fingerprint() == anchor.fingerprint());
            let has_ended = Some(anchor.facts().not_after) < latest;
            assert!(is_held || has_ended, "{anchor:?}");
        }
        self.targets.publish(target, edits).await
    }
}
