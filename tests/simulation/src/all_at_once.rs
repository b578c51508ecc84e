//! One life in which three things go wrong for ever, and everything else goes on.

use std::{ops::Range, time::Duration};

use certgen::KeyAlgorithm;
use rotator_core::Durations;
use webhook_inject::TargetKind;

use crate::{
    cluster::SecretId,
    generate::bare,
    judge::Refused,
    script::{DAY, Event, ReplicaSetup, Rules, Run, START, Script, Setup, Timed},
    world::World,
};

const DAYS: i64 = 240;
/// Two hours in which the controller works every second. The bundle that is put back lacks the root that signs, and can be used
/// by its cross: after sixty days it cannot, and is repaired as often as it is put back.
const BUSY: Range<i64> = START + 40 * DAY..START + 40 * DAY + 2 * 3600;
const FORBIDDEN: usize = 0;
const FOUGHT: usize = 1;
const HEALTHY: usize = 2;
const UNWRITABLE: SecretId = serving(1);

#[test]
fn what_nobody_may_touch_holds_up_nothing_else() {
    let script = script();
    let mut world = World::new(&script);
    let violation = world.live(&script);
    assert!(violation.is_none(), "{violation:?}");

    let writes = world.judge.writes;
    let promotions = writes.promotions;
    assert!(promotions >= 6, "{promotions} promotions");
    let leaves = &world.judge.serving[&serving(0)].versions;
    let unwritable = &world.judge.serving[&UNWRITABLE].versions;
    // A leaf is renewed ten days after it was issued.
    assert!(leaves.len() >= 22 && leaves.len() <= 36, "{leaves:?}");
    assert_eq!(unwritable.len(), 1);

    let ours = |target: usize| {
        let versions = world.judge.targets[target].versions.iter();
        let ours = versions.filter(|version| !version.is_foreign);
        u64::try_from(ours.count()).unwrap()
    };
    let (forbidden, fought, healthy) = (ours(FORBIDDEN), ours(FOUGHT), ours(HEALTHY));
    assert_eq!(forbidden, 1);
    // One write for the first root, one for each successor, one for each root that has ended.
    assert!(
        healthy >= promotions && healthy <= 2 * promotions + 2,
        "{healthy}"
    );
    assert!(writes.authorities <= 3 * promotions + 3, "{writes:?}");
    // A writer that undoes us at once is soon left alone for ten minutes, though the controller sees it in the same second.
    let busy = world.judge.targets[FOUGHT].versions.iter();
    let busy = busy.filter(|version| !version.is_foreign && BUSY.contains(&version.since));
    let busy = busy.count();
    assert!((15..=30).contains(&busy), "{busy} in two hours");
    assert!(
        fought >= promotions && fought <= 4 * DAYS.unsigned_abs() + 30,
        "{fought}"
    );

    for refused in world.calls.refused.keys() {
        let expected = [
            Refused::NoBundleYet,
            Refused::Unattended,
            Refused::Unwritable,
        ];
        assert!(expected.contains(refused), "{refused:?}");
    }
}

fn script() -> Script {
    let mut events = Vec::new();
    let mut push = |at, event| events.push(Timed { at, event });
    push(START, Event::Run(Run::clean(0, (2, 2))));
    for event in [
        Event::ForbidTarget { target: FORBIDDEN },
        Event::Fight {
            target: FOUGHT,
            back: 0,
        },
        Event::ForbidServing {
            installation: 0,
            record: 1,
        },
    ] {
        push(START + 60, event);
    }
    for at in BUSY {
        push(at, Event::Run(Run::clean(0, (2, 2))));
    }
    for quarter in 0..DAYS * 4 {
        let at = START + 120 + quarter * DAY / 4;
        push(at, Event::Run(Run::clean(0, (2, 2))));
        for reader in 0..2 {
            push(
                at + 60,
                Event::Look {
                    caller: reader,
                    back: 0,
                },
            );
            push(
                at + 60,
                Event::Take {
                    replica: reader,
                    back: 0,
                },
            );
        }
    }
    events.sort_by_key(|timed| timed.at);
    let script = bare(events, START + DAYS * DAY);
    let setup = setup(script.setup);
    Script { setup, ..script }
}

fn setup(mut setup: Setup) -> Setup {
    let days = |days: u64| Duration::from_secs(days * DAY.unsigned_abs());
    setup.installations[0].records = 2;
    setup.installations[0].rules = Rules {
        algorithm: KeyAlgorithm::Ed25519,
        durations: Durations {
            ca_lifetime: days(60),
            ca_renew_after: days(30),
            dwell: days(2),
            leaf_lifetime: days(15),
            leaf_renew_before: days(5),
            clock_allowance: Duration::from_secs(60),
        },
    };
    setup.targets = vec![
        TargetKind::ValidatingWebhookConfiguration,
        TargetKind::CustomResourceDefinition,
        TargetKind::MutatingWebhookConfiguration,
    ];
    setup.callers = vec![0, 1];
    let replicas = (0..2).map(|record| ReplicaSetup {
        installation: 0,
        record,
    });
    setup.replicas = replicas.collect();
    setup
}

const fn serving(record: usize) -> SecretId {
    SecretId::Serving {
        installation: 0,
        record,
    }
}
