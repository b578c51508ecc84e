//! Tests of when definitions are written: rotations take turns, and what is broken waits for none.

use base64::prelude::{BASE64_STANDARD, Engine};
use certgen::{KeyAlgorithm, ServerNames, UnixTime};
use rotator_core::{
    Clock, ClockError, Duty, MemoryStore, Policy, Ports, RecordName, Rotator, ServingSettings,
    Settings, TimeBounds,
};

use super::*;
use crate::{entropy::SystemEntropy, fake::DATE_SECS};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

#[tokio::test(start_paused = true)]
async fn definitions_take_turns_and_nobody_waits_in_a_write() {
    let fake = Fake::new();
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let names = ["etcds.example.com", "backups.example.com"];
    let targets = names.map(|name| {
        fake.put(&format!("{definitions}/{name}"), definition());
        Target {
            kind: TargetKind::CustomResourceDefinition,
            name: name.into(),
            entries: Selector::of_service("guard-system", "guard"),
        }
    });
    let patcher = watching(&fake, targets);
    let seen = patcher.observe().await.into_iter().map(|(_, state)| state);
    let seen: Vec<_> = seen
        .filter_map(|state| match state {
            TargetState::Readable(view) => Some(view),
            _ => None,
        })
        .collect();
    let publish = async |view: &TargetView| {
        let edit = EntryEdit {
            entry: view.entries[0].name.clone(),
            ..edits().remove(0)
        };
        patcher.publish(view, &[edit]).await
    };
    publish(&seen[0]).await.unwrap();
    let began = Instant::now();
    let paced = publish(&seen[1]).await.unwrap_err();
    let PatchError::Paced { wait } = paced else {
        panic!("{paced:?}");
    };
    assert!(began.elapsed().is_zero() && wait <= PAUSE_BETWEEN_DEFINITIONS);
    tokio::time::sleep(wait).await;
    publish(&seen[1]).await.unwrap();
}

fn definition() -> Value {
    let service = json!({ "namespace": "guard-system", "name": "guard" });
    let webhook = json!({ "clientConfig": { "service": service } });
    json!({
        "metadata": {},
        "spec": { "conversion": { "strategy": "Webhook", "webhook": webhook } },
    })
}

/// As many as were ready after 40 s when all of them took turns.
const MANY: usize = 40;
const BUNDLE: &str = "/spec/conversion/webhook/clientConfig/caBundle";

#[tokio::test(start_paused = true)]
async fn what_is_broken_waits_for_no_turn_and_a_rotation_does() {
    let fake = Fake::new();
    let names: Vec<String> = (0..MANY).map(|n| format!("kind{n}s.example.com")).collect();
    for name in &names {
        fake.put(&format!("{DEFINITIONS}/{name}"), definition());
    }
    let mut keeper = Keeper::of(&fake, &names);
    let began = Instant::now();

    // The authority first, then the leaf and all bundles: none waits for a turn.
    keeper.step().await;
    keeper.step().await;
    assert_eq!(bundles(&fake).len(), MANY);
    let first = bundles(&fake)[0].clone();
    assert!(bundles(&fake).iter().all(|bundle| *bundle == first));

    // Half a life later there is a successor: its root is written into one definition at a time.
    keeper.later(Policy::standard().durations().ca_renew_after + Duration::from_secs(1));
    keeper.step().await;
    keeper.step().await;
    let rotated = || {
        bundles(&fake)
            .iter()
            .filter(|bundle| **bundle != first)
            .count()
    };
    assert_eq!(rotated(), 1);
    // Meanwhile another writer empties, garbles and replaces one bundle each; they are repaired without a turn.
    for (name, bundle) in
        names
            .iter()
            .rev()
            .zip(["", "Z2FyYmFnZQo=", &BASE64_STANDARD.encode(ROOT)])
    {
        let mut object = fake.get(&format!("{DEFINITIONS}/{name}")).unwrap();
        *object.pointer_mut(BUNDLE).unwrap() = bundle.into();
        fake.put(&format!("{DEFINITIONS}/{name}"), object);
    }
    // Paused time moves only for sleepers: after this the watch has reported everything.
    tokio::time::sleep(Duration::from_millis(1)).await;
    keeper.step().await;
    assert_eq!(rotated(), 4);
    assert!(began.elapsed() < PAUSE_BETWEEN_DEFINITIONS);
}

#[tokio::test(start_paused = true)]
async fn at_most_so_many_writes_are_under_way() {
    let fake = Fake::new();
    let names: Vec<String> = (0..MANY).map(|n| format!("kind{n}s.example.com")).collect();
    for name in &names {
        fake.put(&format!("{DEFINITIONS}/{name}"), definition());
        fake.arm(Method::PATCH, name, Meets::Silence);
    }
    let mut keeper = Keeper::of(&fake, &names);
    keeper.step().await;
    // No answer comes within the time limit of a call, so each of the first writes keeps its place until then.
    let limited = tokio::time::timeout(Duration::from_secs(9), keeper.step()).await;
    assert!(limited.is_err());
    let patches = fake
        .requests()
        .iter()
        .filter(|line| line.starts_with("PATCH"))
        .count();
    assert_eq!(patches, PARALLEL);
}

/// A keeper of these definitions, whose records are in memory.
struct Keeper {
    rotator: Rotator,
    ports: Ports<MemoryStore, MemoryStore, KubeWebhookPatcher, Told, SystemEntropy>,
}

impl Keeper {
    fn of(fake: &Fake, names: &[String]) -> Self {
        let settings = Settings {
            subject: "guard.guard-system".into(),
            authority: RecordName::new("guard-ca"),
            serving: vec![ServingSettings {
                record: RecordName::new("guard-tls"),
                names: ServerNames::for_service("guard", "guard-system").unwrap(),
            }],
            policy: Policy::new(*Policy::standard().durations(), KeyAlgorithm::P256).unwrap(),
        };
        let targets = names.iter().map(|name| Target {
            kind: TargetKind::CustomResourceDefinition,
            name: name.clone(),
            entries: Selector::of_service("guard-system", "guard"),
        });
        let store = MemoryStore::new();
        Self {
            rotator: Rotator::new(settings),
            ports: Ports {
                authority: store.clone(),
                serving: store,
                patcher: watching(fake, targets),
                clock: Told(Mutex::new(UnixTime::from_secs(DATE_SECS))),
                entropy: SystemEntropy::new(),
            },
        }
    }

    async fn step(&mut self) {
        self.rotator.invalidate();
        let report = self
            .rotator
            .step(&self.ports, Duty::Lead, Duration::ZERO)
            .await;
        assert!(report.failed.is_empty(), "{report:?}");
    }

    fn later(&self, by: Duration) {
        let mut now = self.ports.clock.0.lock().unwrap();
        *now = now.saturating_add(by);
    }
}

/// A clock that a test sets.
struct Told(Mutex<UnixTime>);

impl Clock for Told {
    fn bounds(&self) -> Option<TimeBounds> {
        Some(TimeBounds::exactly(*self.0.lock().unwrap()))
    }

    async fn fresh(&self) -> Result<TimeBounds, ClockError> {
        Ok(TimeBounds::exactly(*self.0.lock().unwrap()))
    }
}

/// The bundles of the definitions that have one.
fn bundles(fake: &Fake) -> Vec<String> {
    let objects = fake.under(DEFINITIONS);
    let bundles = objects
        .iter()
        .filter_map(|object| object.pointer(BUNDLE)?.as_str());
    bundles.map(Into::into).collect()
}
