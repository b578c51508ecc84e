//! The real step, run with what a controller has been told, up to the calls that nobody has answered yet.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use certgen::{ServerNames, parse_bundle};
use rotator_core::{
    Clock, ClockError, Duty, EntryBundle, EntryEdit, EntryName, EntryView, PatchError, Ports,
    Record, RecordName, Report, Revision, Rotator, SecretStore, ServingSettings, Settings,
    StoreError, Stored, TargetRef, TargetState, TargetView, TimeBounds, WebhookPatcher,
};

use crate::{
    chance::Chance,
    contents::Contents,
    scope::Scope,
    told::{Answer, Call, Place, Read, Sight, Told, What},
};

/// How far a step got.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The calls that wait for an answer; none if the step is over.
    pub(crate) calls: Vec<Call>,
    /// Set if the step is over: when the next one is due.
    pub(crate) wake_after: Option<Duration>,
}

/// Runs the product's step with these answers.
pub(crate) fn replay(contents: &Contents, scope: &Scope, told: &Told) -> Replayed {
    let script = Script {
        contents,
        told,
        scope,
        heard: Mutex::default(),
    };
    let read = told.authority();
    let newest = read.map_or(0, |id| contents.authorities.value(id).newest());
    let ports = Ports {
        authority: Store(&script, Place::Authority),
        serving: Store(&script, Place::Serving),
        patcher: Targets(&script),
        clock: Witness(&script),
        entropy: Chance::new(newest, told.time().unwrap_or(0)),
    };
    let mut rotator = Rotator::new(settings(scope));
    let mut step = pin!(rotator.step(&ports, Duty::Lead, Duration::ZERO));
    let polled = step.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let calls = script.heard(|heard| heard.waiting.clone());
    match polled {
        Poll::Ready(Report { wake_after, .. }) => Replayed {
            calls: Vec::new(),
            wake_after: Some(wake_after),
        },
        Poll::Pending => Replayed {
            calls,
            wake_after: None,
        },
    }
}

fn settings(scope: &Scope) -> Settings {
    let names = ServerNames::new(["guard".parse().expect("a name")], []);
    Settings {
        subject: "guard".to_owned(),
        authority: RecordName::new("guard-ca"),
        serving: vec![ServingSettings {
            record: RecordName::new("guard-tls"),
            names: names.expect("one name"),
        }],
        policy: scope.policy(),
    }
}

/// What the ports answer, and what they were asked.
struct Script<'a> {
    contents: &'a Contents,
    told: &'a Told,
    scope: &'a Scope,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    counts: BTreeMap<(Place, bool), u8>,
    waiting: Vec<Call>,
    loaded: [bool; 3],
}

impl Script<'_> {
    fn heard<T>(&self, f: impl FnOnce(&mut Heard) -> T) -> T {
        f(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this is the first read at this place in the step.
    fn is_first(&self, place: Place) -> bool {
        let slot = match place {
            Place::Authority => 0,
            Place::Serving => 1,
            Place::Target(_) | Place::AllTargets | Place::Clock => 2,
        };
        self.heard(|heard| {
            heard
                .loaded
                .get_mut(slot)
                .is_some_and(|loaded| !std::mem::replace(loaded, true))
        })
    }

    /// The answer to a call, if it was given; else the call waits.
    async fn answer(&self, place: Place, what: What) -> Answer {
        let call = self.heard(|heard| {
            let count = heard.counts.entry((place, what == What::Load)).or_default();
            let nth = *count;
            *count = count.saturating_add(1);
            Call { place, nth, what }
        });
        let given = self.told.later.iter().find(|(known, _)| *known == call);
        if let Some((_, answer)) = given {
            return *answer;
        }
        self.heard(|heard| heard.waiting.push(call));
        std::future::pending().await
    }

    fn stored(&self, place: Place, id: u32) -> Stored {
        let record = match (place, id) {
            (_, 0) => None,
            (Place::Authority, id) => Some(self.contents.authorities.value(id).record.duplicate()),
            (_, id) => Some(self.contents.servings.value(id).record.duplicate()),
        };
        Stored {
            record,
            revision: Revision::new(id.to_string()),
        }
    }

    fn view(&self, target: usize, sight: Sight) -> (TargetRef, TargetState) {
        let name = TargetRef::new("ValidatingWebhookConfiguration", target.to_string());
        let Sight::Holds(bundle) = sight else {
            return (name, TargetState::Unavailable);
        };
        let anchors = self.contents.bundles.value(bundle).anchors.clone();
        let view = TargetView {
            target: name.clone(),
            uid: target.to_string(),
            revision: bundle.to_string(),
            entries: vec![EntryView {
                name: EntryName::new("entry"),
                bundle: if anchors.is_empty() {
                    EntryBundle::Empty
                } else {
                    EntryBundle::Holds(anchors)
                },
            }],
            last_writer: None,
        };
        (name, TargetState::Readable(view))
    }
}

/// A store that answers by the script. A revision is the number of the content, since no content comes back.
struct Store<'a>(&'a Script<'a>, Place);

impl SecretStore for Store<'_> {
    async fn load(&self, _: &RecordName) -> Result<Stored, StoreError> {
        let Self(script, place) = self;
        let read = match place {
            Place::Authority => script.told.authority,
            Place::Serving | Place::Target(_) | Place::AllTargets | Place::Clock => {
                script.told.serving
            }
        };
        if !script.is_first(*place) || read == Read::Asked {
            let answer = script.answer(*place, What::Load).await;
            return match answer {
                Answer::Record(id) => Ok(script.stored(*place, id)),
                _ => Err(no_answer()),
            };
        }
        match read {
            Read::Holds(id) => Ok(script.stored(*place, id)),
            Read::Damaged(id) => {
                let mut damaged = script.stored(*place, id);
                let mut record = damaged.record.take().unwrap_or_default();
                record.insert("format", "damaged");
                damaged.record = Some(record);
                Ok(damaged)
            }
            Read::Unavailable | Read::Asked => Err(no_answer()),
        }
    }

    async fn save(
        &self,
        _: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        let Self(script, place) = self;
        let content = match place {
            Place::Authority => script.contents.authority(record),
            Place::Serving | Place::Target(_) | Place::AllTargets | Place::Clock => {
                script.contents.serving(record)
            }
        };
        let seen = seen.as_str().parse().expect("a revision that we gave out");
        match script.answer(*place, What::Write { seen, content }).await {
            Answer::Done => Ok(Revision::new(content.to_string())),
            Answer::Refused => Err(StoreError::Conflict),
            _ => Err(no_answer()),
        }
    }
}

fn no_answer() -> StoreError {
    StoreError::Unavailable {
        retry_after: None,
        source: Box::from("no answer"),
    }
}

/// Targets of one entry each. A write is guarded by the bundle that was seen, not by a revision: so does a real one.
struct Targets<'a>(&'a Script<'a>);

impl WebhookPatcher for Targets<'_> {
    async fn observe(&self) -> Vec<(TargetRef, TargetState)> {
        let Self(script) = self;
        let sights = if script.is_first(Place::AllTargets) {
            script.told.targets
        } else {
            match script.answer(Place::AllTargets, What::Load).await {
                Answer::Bundles(bundles) => bundles.map(Sight::Holds),
                _ => [Sight::Unavailable; 2],
            }
        };
        let views = sights.iter().enumerate();
        views
            .map(|(target, sight)| script.view(target, *sight))
            .collect()
    }

    async fn publish(&self, target: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        let Self(script) = self;
        let held = |bundle: &EntryBundle| match bundle {
            EntryBundle::Holds(anchors) => script.contents.bundle(anchors),
            EntryBundle::Empty | EntryBundle::Unusable => 0,
        };
        let seen = target
            .entries
            .first()
            .map_or(0, |entry| held(&entry.bundle));
        let pem = edits
            .first()
            .map(|edit| edit.bundle.to_pem())
            .unwrap_or_default();
        let content = script
            .contents
            .bundle(&parse_bundle(pem.as_bytes()).anchors);
        let place = Place::Target(target.uid.parse().expect("a uid that we gave out"));
        match script.answer(place, What::Write { seen, content }).await {
            Answer::Done => Ok(()),
            Answer::Refused => Err(PatchError::Conflict),
            _ => Err(PatchError::Unavailable {
                retry_after: None,
                source: Box::from("no answer"),
            }),
        }
    }
}

/// Says the time at which the step began, or when it is asked.
struct Witness<'a>(&'a Script<'a>);

impl Clock for Witness<'_> {
    fn bounds(&self) -> Option<TimeBounds> {
        None
    }

    async fn fresh(&self) -> Result<TimeBounds, ClockError> {
        let Self(script) = self;
        let now = match (script.told.now, Place::Clock) {
            (Some(now), _) => Answer::Time(now),
            (None, clock) => script.answer(clock, What::Load).await,
        };
        match now {
            Answer::Time(now) => Ok(script.scope.bounds(now)),
            _ => Err(ClockError::new("no answer")),
        }
    }
}
