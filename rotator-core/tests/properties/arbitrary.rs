//! Arbitrary situations: mostly near the present, where the rules meet each other, and sometimes at the ends of time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use certgen::{Fingerprint, KeyAlgorithm, ServerNames, UnixTime};
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Union};
use rotator_core::{
    AnchorView, AuthorityView, Durations, EntryName, EntrySeen, GenerationNumber, GenerationView,
    Lane, LeafView, Observation, Policy, RecordName, RememberedRoot, Seen, ServingObservation,
    ServingView, TargetObservation, TargetRef, TargetSeen, TimeBounds, Undone, Verifier,
};

/// All that a decision rests on.
#[derive(Clone)]
pub(crate) struct Situation {
    pub(crate) observed: Observation,
    pub(crate) policy: Policy,
    pub(crate) now: TimeBounds,
}

/// In a few lines, however it is asked for: proptest asks for hundreds.
impl fmt::Debug for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            observed,
            policy,
            now,
        } = self;
        let authority = format!("{now:?}\n{policy:?}\n{:?}", observed.authority);
        let serving = observed.serving.iter().map(|it| format!("{it:?}"));
        let targets = observed.targets.iter().map(|it| format!("{it:?}"));
        let holds = format!("{:?}", observed.holds);
        let lines = [authority].into_iter().chain(serving).chain(targets);
        let mut lines = lines.chain([holds]);
        lines.try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// 1950-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what a certificate can say (RFC 5280 §4.1.2.5).
const FIRST: i64 = -631_152_000;
const LAST: i64 = 253_402_300_799;

impl Situation {
    /// For how long everything that may be made now has dates that a certificate can carry.
    pub(crate) fn secs_until_no_certificate_can_say(&self) -> u64 {
        let start = self.now.earliest().saturating_sub(self.policy.backdating());
        let end = self
            .now
            .latest()
            .saturating_add(self.policy.durations().ca_lifetime);
        let authority = self.observed.authority.present().into_iter();
        let mut roots = authority.flat_map(AuthorityView::generations);
        if start.is_expressible() && roots.all(|it| it.not_after.is_expressible()) {
            UnixTime::from_secs(LAST).saturating_since(end).as_secs()
        } else {
            0
        }
    }
}

/// The present of most situations.
pub(crate) const PRESENT: i64 = 1_800_000_000;

/// Any situation whatever, also one that no history leads to.
pub(crate) fn situation() -> impl Strategy<Value = Situation> {
    policy().prop_flat_map(|policy| {
        let times = Times::of(policy);
        (times.bounds(), observation(times)).prop_map(move |(now, observed)| Situation {
            observed,
            policy,
            now,
        })
    })
}

/// A new installation that needed what it needs: one serving record, two entries in one target.
pub(crate) fn installed() -> impl Strategy<Value = Situation> {
    (policy(), 0.0..1.0).prop_map(|(policy, share)| {
        let width = policy.durations().clock_allowance.mul_f64(share);
        let now = TimeBounds::around(UnixTime::from_secs(PRESENT), width);
        let mut situation = Situation {
            observed: nothing_yet(),
            policy,
            now,
        };
        situation.settle();
        situation
    })
}

fn nothing_yet() -> Observation {
    let entry = |name| (EntryName::new(name), EntrySeen::Broken);
    let serving = ServingObservation {
        record: RecordName::new("tls"),
        wanted: ServerNames::for_service("guard", "shop").unwrap(),
        seen: Seen::Absent,
        pause: Duration::ZERO,
    };
    let target = TargetObservation {
        target: TargetRef::new("Webhook", "hook"),
        seen: TargetSeen::Readable([entry("pods"), entry("jobs")].into()),
        undone: None,
    };
    Observation {
        authority: Seen::Absent,
        serving: vec![serving],
        targets: vec![target],
        holds: BTreeMap::new(),
    }
}

/// Policies of seconds, of minutes, of days, and the standard one.
pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let unit = select(vec![1, 60, 86_400]);
    let parts = (40..120_u64, 1..30_u64, 3..60_u64, 0..60_u64, 2..20_u64);
    let made = (unit, parts, 1..60_u64).prop_filter_map("a policy that is refused", |drawn| {
        let (unit, (renew_after, dwell, leaf, spare, allowance), renew_before) = drawn;
        let secs = |count| Duration::from_secs(count * unit);
        let durations = Durations {
            ca_lifetime: secs(renew_after + dwell + leaf + spare),
            ca_renew_after: secs(renew_after),
            dwell: secs(dwell),
            leaf_lifetime: secs(leaf),
            leaf_renew_before: secs(renew_before % (leaf - 1) + 1),
            clock_allowance: secs(allowance),
        };
        Policy::new(durations, KeyAlgorithm::P256).ok()
    });
    prop_oneof![9 => made, 1 => Just(Policy::standard())]
}

/// Points in time that make a difference under one policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    reach: i64,
}

impl Times {
    pub(crate) fn of(policy: Policy) -> Self {
        let reach = policy.durations().ca_lifetime.as_secs();
        Self {
            reach: i64::try_from(reach).unwrap(),
        }
    }

    fn near(self) -> impl Strategy<Value = UnixTime> + Clone {
        (-self.reach..self.reach).prop_map(|offset| UnixTime::from_secs(PRESENT + offset))
    }

    fn any(self) -> Union<BoxedStrategy<UnixTime>> {
        let edges = vec![i64::MIN, FIRST - 1, FIRST, LAST, LAST + 1, i64::MAX];
        Union::new_weighted(vec![
            (30, self.near().boxed()),
            (1, any::<i64>().prop_map(UnixTime::from_secs).boxed()),
            (1, select(edges).prop_map(UnixTime::from_secs).boxed()),
        ])
    }

    pub(crate) fn bounds(self) -> impl Strategy<Value = TimeBounds> {
        let narrow = (self.near(), 0..=self.reach / 20);
        let narrow = narrow.prop_map(|(earliest, width)| {
            TimeBounds::new(earliest, UnixTime::from_secs(earliest.as_secs() + width))
        });
        let wide = (self.any(), self.any()).prop_map(|(one, other)| TimeBounds::new(one, other));
        prop_oneof![3 => narrow, 1 => wide]
    }
}

/// The root of our generation `number`.
pub(crate) fn root(number: GenerationNumber) -> Fingerprint {
    fingerprint(b'r', number)
}

/// The subject of the root of our generation `number`.
pub(crate) fn subject(number: GenerationNumber) -> Fingerprint {
    fingerprint(b's', number)
}

/// Another certificate that bears it.
pub(crate) fn impostor(number: GenerationNumber) -> Fingerprint {
    fingerprint(b'i', number)
}

/// What an entry shows of the certificate that ends then.
pub(crate) fn anchor(certificate: Fingerprint, not_after: UnixTime) -> AnchorView {
    let bytes = certificate.as_bytes();
    let number = u32::from_be_bytes(bytes[28..].try_into().unwrap());
    AnchorView {
        not_after,
        subject: match bytes[0] {
            b'f' => fingerprint(b'F', number / 6),
            _ => subject(number),
        },
        size: SIZE,
    }
}

/// Of every certificate.
pub(crate) const SIZE: usize = 1000;

/// A root of another party.
pub(crate) fn foreign(number: u32) -> Fingerprint {
    fingerprint(b'f', number)
}

/// The cross of our generation `number`.
pub(crate) fn cross(number: GenerationNumber) -> Fingerprint {
    fingerprint(b'c', number)
}

fn fingerprint(kind: u8, number: u32) -> Fingerprint {
    let mut bytes = [kind; 32];
    bytes[28..].copy_from_slice(&number.to_be_bytes());
    Fingerprint::from_bytes(bytes)
}

fn observation(times: Times) -> impl Strategy<Value = Observation> {
    let authority = prop_oneof![
        1 => Just(Seen::Absent),
        1 => Just(Seen::Failed),
        8 => authority(times).prop_map(Seen::Present),
    ];
    let lists = (vec(serving(times), 0..3), vec(target(times), 0..4));
    let held = vec(
        option::weighted(0.1, (0..100_u64).prop_map(Duration::from_secs)),
        6,
    );
    (authority, lists, held).prop_map(|(authority, (mut serving, mut targets), held)| {
        for (index, serving) in serving.iter_mut().enumerate() {
            serving.record = RecordName::new(format!("tls-{index}"));
        }
        for (index, target) in targets.iter_mut().enumerate() {
            target.target = TargetRef::new("Webhook", format!("hook-{index}"));
        }
        let observed = Observation {
            authority,
            serving,
            targets,
            holds: BTreeMap::new(),
        };
        let holds = lanes_of(&observed).into_iter().zip(held);
        let holds = holds.filter_map(|(lane, held)| Some((lane, held?)));
        Observation {
            holds: holds.collect(),
            ..observed
        }
    })
}

/// Every lane, in the order of the plan.
pub(crate) fn lanes_of(observed: &Observation) -> Vec<Lane> {
    let serving = observed.serving.iter();
    let targets = observed.targets.iter();
    [Lane::Authority]
        .into_iter()
        .chain(serving.map(|serving| Lane::Serving(serving.record.clone())))
        .chain(targets.map(|target| Lane::Target(target.target.clone())))
        .collect()
}

fn authority(times: Times) -> impl Strategy<Value = AuthorityView> {
    let roots = vec((times.any(), times.any(), any::<bool>()), 1..8);
    let first = prop_oneof![9 => 1..4_u32, 1 => u32::MAX - 8..u32::MAX - 6];
    let remembered = vec((1..9_u32, times.any()), 0..3);
    let marks = (option::of(times.any()), remembered);
    (first, roots, any::<bool>(), marks).prop_map(
        |(first, roots, has_successor, (mark, remembered))| {
            let mut generations: Vec<_> = (first..)
                .zip(roots)
                .map(|(number, (one, other, crossed))| GenerationView {
                    number,
                    root: root(number),
                    subject: subject(number),
                    not_before: one.min(other),
                    not_after: one.max(other),
                    cross: crossed.then(|| cross(number)),
                })
                .collect();
            let successor = (has_successor && generations.len() > 1).then(|| generations.pop());
            let active = generations.pop().unwrap();
            AuthorityView {
                active,
                superseded: generations,
                successor: successor.flatten(),
                mark,
                remembered: remembered
                    .into_iter()
                    .map(|(number, until)| (foreign(number), remembered_root(number, until)))
                    .collect(),
            }
        },
    )
}

/// Two certificates of each issuer.
fn remembered_root(number: u32, until: UnixTime) -> RememberedRoot {
    RememberedRoot {
        until,
        issuer: fingerprint(b'k', number / 2),
        size: SIZE,
    }
}

fn serving(times: Times) -> impl Strategy<Value = ServingObservation> {
    let present = option::weighted(0.9, leaf(times));
    let present = present.prop_map(|leaf| Seen::Present(ServingView { leaf }));
    let seen = prop_oneof![1 => Just(Seen::Absent), 1 => Just(Seen::Failed), 8 => present];
    let pause = prop_oneof![9 => Just(0), 1 => Just(1)];
    (names(), seen, pause).prop_map(|(wanted, seen, pause)| ServingObservation {
        record: RecordName::new(""),
        wanted,
        seen,
        pause: Duration::from_secs(pause),
    })
}

fn leaf(times: Times) -> impl Strategy<Value = LeafView> {
    let algorithm = select(vec![
        Some(KeyAlgorithm::P256),
        Some(KeyAlgorithm::Ed25519),
        None,
    ]);
    let crosses = vec(1..9_u32, 0..9);
    let verifiers = vec((1..9_u32, times.any(), times.any()), 0..3);
    let facts = (
        option::weighted(0.7, 1..9_u32),
        names(),
        algorithm,
        crosses,
        verifiers,
    );
    (facts, times.any(), times.any()).prop_map(|(facts, one, other)| {
        let (generation, names, algorithm, crosses, verifiers) = facts;
        let verifiers = verifiers.into_iter().filter(|_| generation.is_none());
        LeafView {
            generation,
            not_before: one.min(other),
            not_after: one.max(other),
            names,
            algorithm,
            crosses: crosses.into_iter().map(cross).collect(),
            verifiers: verifiers
                .map(|(number, one, other)| (foreign(number), verifier(number, one, other)))
                .collect(),
        }
    })
}

pub(crate) fn verifier(number: u32, one: UnixTime, other: UnixTime) -> Verifier {
    Verifier {
        not_before: one.min(other),
        not_after: one.max(other),
        issuer: fingerprint(b'k', number / 2),
        size: SIZE,
    }
}

pub(crate) fn names() -> impl Strategy<Value = ServerNames> {
    vec(select(vec!["a.x.svc", "b.x.svc", "c.x.svc"]), 1..3).prop_map(|names| {
        let names: BTreeSet<_> = names.iter().map(|name| name.parse().unwrap()).collect();
        ServerNames::new(names, []).unwrap()
    })
}

/// Some of our roots, some of other parties', and some that pass for ours.
fn certificates(times: Times) -> impl Strategy<Value = BTreeMap<Fingerprint, AnchorView>> {
    let ours = (1..9_u32).prop_map(root);
    let theirs = (1..9_u32).prop_map(foreign);
    let impostors = (1..9_u32).prop_map(impostor);
    let certificate = (
        prop_oneof![8 => ours, 2 => theirs, 1 => impostors],
        times.any(),
    );
    let few = vec(certificate, 0..8);
    let many = vec(((1..40_u32).prop_map(foreign), times.any()), 20..40);
    prop_oneof![9 => few.boxed(), 1 => many.boxed()].prop_map(|certificates| {
        let certificates = certificates.into_iter();
        certificates
            .map(|(it, end)| (it, anchor(it, end)))
            .collect()
    })
}

fn target(times: Times) -> impl Strategy<Value = TargetObservation> {
    let entry = prop_oneof![
        1 => Just(EntrySeen::Broken),
        4 => certificates(times).prop_map(EntrySeen::Holds),
    ];
    let readable = vec(entry, 0..3).prop_map(|entries| {
        let named = (0..).zip(entries);
        let named = named.map(|(index, entry)| (EntryName::new(format!("{index}")), entry));
        TargetSeen::Readable(named.collect())
    });
    let seen = prop_oneof![
        1 => Just(TargetSeen::Absent),
        1 => Just(TargetSeen::Unreadable),
        8 => readable,
    ];
    let undone = (certificates(times), 0..100_u64, 0..2_u64, 0..9_u32);
    let undone = undone.prop_map(|(needed, wait, pause, returned)| Undone {
        needed: needed.into_keys().collect(),
        wait: Duration::from_secs(wait),
        pause: Duration::from_secs(pause.min(wait)),
        returned: [(foreign(returned), returned)].into(),
    });
    (seen, option::weighted(0.1, undone)).prop_map(|(seen, undone)| TargetObservation {
        target: TargetRef::new("", ""),
        seen,
        undone,
    })
}
