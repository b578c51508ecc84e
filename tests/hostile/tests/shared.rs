//! Two installations that publish into one entry, which another writer has filled up: both get in, and then nothing is
//! written any more.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use certgen::{Anchor, RootCert, RootRequest, Serial, UnixTime, issue_root, parse_bundle};
use futures::executor::block_on;
use hostile::installation::{
    SystemEntropy, authority_name, entry, new_key, serving_name, settings, target,
};
use rotator_core::{
    Authority, Duty, FOREIGN_CAP, MemoryClock, MemoryStore, MemoryTarget, MemoryTargets, Ports,
    Rotator, Settings, TimeBounds,
};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

#[test]
fn two_installations_that_share_a_full_entry_settle() {
    // What was planted ends before our roots do, after them, or partly so; and there is just enough, or too much of it.
    for (ends, count) in [
        ([20 * DAY, 20 * DAY], FOREIGN_CAP),
        ([20 * DAY, 9_000 * DAY], FOREIGN_CAP),
        ([9_000 * DAY, 9_000 * DAY], FOREIGN_CAP),
        ([20 * DAY, 20 * DAY], 100),
        ([20 * DAY, 9_000 * DAY], 100),
    ] {
        let planted = (0..count).map(|number| planted(number, NOW + ends[number % 2]).to_pem());
        let planted: String = planted.collect();
        let targets = MemoryTargets::new();
        let found = [(entry(), planted.into_bytes())];
        targets.put(&target(), MemoryTarget::Exists(found.into()));
        let mut sharing = [
            Sharing::new("one", &targets),
            Sharing::new("other", &targets),
        ];
        take_turns(&mut sharing, 120);
        let writes = targets.writes();
        assert!(writes <= 12, "{writes} writes, {count} planted");

        let bundle = targets.bundle(&target(), &entry()).unwrap();
        let held = parse_bundle(&bundle).anchors;
        let roots = sharing.iter().map(Sharing::root);
        for root in roots {
            assert!(held.iter().any(|it| it.fingerprint() == root.fingerprint()));
        }
        assert!(held.len() <= FOREIGN_CAP + 1, "{}", held.len());
        for sharing in &sharing {
            assert_eq!(
                [
                    sharing.ports.authority.writes(),
                    sharing.ports.serving.writes()
                ],
                [1, 1]
            );
        }

        take_turns(&mut sharing, 120);
        assert_eq!(targets.writes(), writes, "it goes on, {count} planted");
    }
}

/// Each in turn, a second apart, for so many seconds.
fn take_turns(sharing: &mut [Sharing; 2], seconds: u64) {
    for _ in 0..seconds {
        for sharing in sharing.iter_mut() {
            sharing.elapsed += Duration::from_secs(1);
            // The watch has told of what the other wrote.
            sharing.rotator.invalidate();
            let step = sharing
                .rotator
                .step(&sharing.ports, Duty::Lead, sharing.elapsed);
            let report = block_on(step);
            assert!(report.failed.is_empty(), "{:?}", report.failed);
        }
    }
}

/// One of the installations.
struct Sharing {
    ports: Ports<MemoryStore, MemoryStore, MemoryTargets, MemoryClock, SystemEntropy>,
    rotator: Rotator,
    elapsed: Duration,
}

impl Sharing {
    fn new(subject: &str, targets: &MemoryTargets) -> Self {
        let settings = Settings {
            subject: subject.to_owned(),
            ..settings()
        };
        let now = TimeBounds::around(UnixTime::from_secs(NOW), Duration::from_secs(2));
        Self {
            ports: Ports {
                authority: MemoryStore::new(),
                serving: MemoryStore::new(),
                patcher: targets.clone(),
                clock: MemoryClock::new(now),
                entropy: SystemEntropy,
            },
            rotator: Rotator::new(settings),
            elapsed: Duration::ZERO,
        }
    }

    fn root(&self) -> Anchor {
        let record = self.ports.authority.get(&authority_name()).unwrap();
        let authority = Authority::decode(&record).unwrap();
        assert!(self.ports.serving.get(&serving_name()).is_some());
        let root = authority.roots().next().unwrap();
        Anchor::from(root)
    }
}

/// A CA with a subject of its own.
fn planted(number: usize, not_after: i64) -> RootCert {
    let request = RootRequest {
        common_name: &format!("planted {number}"),
        serial: Serial::from_random([7; 16]),
        not_before: UnixTime::from_secs(NOW - DAY),
        not_after: UnixTime::from_secs(not_after),
    };
    issue_root(&request, &new_key()).unwrap()
}
