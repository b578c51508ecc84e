//! One decision, about one target and about a thousand.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    hint::black_box,
    time::Duration,
};

use certgen::{Fingerprint, ServerNames, UnixTime};
use rotator_core::{
    AnchorView, AuthorityView, EntryName, EntrySeen, GenerationView, LeafView, Observation, Policy,
    RecordName, Seen, ServingObservation, ServingView, TargetObservation, TargetRef, TargetSeen,
    TimeBounds, plan,
};
use scenarios::Failure;

use crate::{figure::Figures, stopwatch::alone};

const DAY: i64 = 24 * 3600;
const NOW: i64 = 1_800_000_000;

pub(crate) fn measure(figures: &mut Figures) -> Result<(), Failure> {
    for (targets, calls, aim) in [(1, 20_000, "≤ 2 µs"), (1000, 200, "≤ 100 µs")] {
        let observed = settled(targets)?;
        let (policy, now) = (Policy::standard(), TimeBounds::exactly(at(0)));
        if !plan(&observed, &policy, now).is_idle() {
            return Err("the world that is decided about is not settled".into());
        }
        let decide = || {
            let _plan = black_box(plan(black_box(&observed), &policy, now));
            Ok::<(), Infallible>(())
        };
        let time = alone(calls, decide)?;
        let what = format!("decision about {targets} target{}", plural(targets));
        figures.report(&what, format_args!("{time:.2?}"), aim)?;
    }
    Ok(())
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Two roots, a leaf, and targets that hold both roots.
fn settled(targets: usize) -> Result<Observation, Failure> {
    let superseded = generation(1, -200);
    let active = generation(2, -18);
    let names = ServerNames::for_service("guard", "guard-system")?;
    let roots: BTreeMap<_, _> = [superseded, active]
        .map(|generation| (generation.root, anchor(&generation)))
        .into();
    let leaf = LeafView {
        generation: Some(2),
        not_before: active.not_before,
        not_after: at(20),
        names: names.clone(),
        algorithm: Some(Policy::standard().algorithm()),
        crosses: active.cross.into_iter().collect::<BTreeSet<_>>(),
        verifiers: BTreeMap::new(),
    };
    Ok(Observation {
        authority: Seen::Present(AuthorityView {
            active,
            superseded: vec![superseded],
            successor: None,
            mark: None,
            remembered: BTreeMap::new(),
        }),
        serving: vec![ServingObservation {
            record: RecordName::new("guard-tls"),
            wanted: names,
            seen: Seen::Present(ServingView { leaf: Some(leaf) }),
            pause: Duration::ZERO,
        }],
        targets: (0..targets).map(|index| target(index, &roots)).collect(),
        holds: BTreeMap::new(),
    })
}

fn anchor(generation: &GenerationView) -> AnchorView {
    AnchorView {
        not_after: generation.not_after,
        subject: generation.subject,
        size: 700,
    }
}

fn target(index: usize, roots: &BTreeMap<Fingerprint, AnchorView>) -> TargetObservation {
    let entry = (
        EntryName::new("guard.example.com"),
        EntrySeen::Holds(roots.clone()),
    );
    TargetObservation {
        target: TargetRef::new("ValidatingWebhookConfiguration", format!("guard-{index}")),
        seen: TargetSeen::Readable([entry].into()),
        undone: None,
    }
}

fn generation(number: u32, started: i64) -> GenerationView {
    let fingerprint = |kind: u8| {
        let byte = u8::try_from(number).unwrap_or(u8::MAX);
        Fingerprint::from_bytes([kind ^ byte; 32])
    };
    GenerationView {
        number,
        root: fingerprint(b'r'),
        subject: fingerprint(b's'),
        not_before: at(started),
        not_after: at(started + 365),
        cross: (number > 1).then(|| fingerprint(b'c')),
    }
}

/// So many days from now.
fn at(days: i64) -> UnixTime {
    UnixTime::from_secs(NOW + days * DAY)
}
