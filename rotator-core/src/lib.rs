//! The rotation of webhook certificates as a pure decision, behind the ports [`SecretStore`] and [`WebhookPatcher`].
//!
//! It keeps a private CA, the serving certificates that it signs, and the CA bundles that API servers verify them with,
//! and replaces all three before they expire. As long as the [`TimeBounds`] contain the verifiers' time, and it alone
//! manages all three:
//!
//! * any bundle that it ever published verifies any chain that it ever stored, at any time at which the leaf and one
//!   root of that bundle are valid. So order does not matter: slow watches, lagging replicas, crashes between two
//!   writes, two rotators at once and reverts to an older bundle cost no call;
//! * it removes nothing that a verifier could still need, and of foreign certificates only those that keep a verifier
//!   from finding its own;
//! * nothing gets into a bundle but roots of the authority record, foreign roots that it remembers, and what was there;
//! * what cannot be read is never taken for absent, and no key signs that is not stored yet;
//! * it keeps each record and each target by itself: one that fails delays no other.
//!
//! This crate has no clock, no randomness, no I/O and no Kubernetes: [`Clock`] and [`Entropy`] are ports, too.
//!
//! # Words
//!
//! The glossary in `ARCHITECTURE.md` has all terms; these are the ones that this crate's types are named for.
//!
//! | word | meaning |
//! |---|---|
//! | generation | a root, its private key until the next generation signs, and its cross |
//! | cross | the subject and public key of a root, signed by the key of the generation before: joins old callers to new leaves |
//! | authority record | the generations, in a store; only a rotator needs it |
//! | serving record | a leaf with its key and its crosses, in a store; what a server reads |
//! | target, entry | an object whose CA bundles are kept, and one bundle in it |
//! | active, successor, superseded | the generation that signs, the one after it, those before it, whose keys are destroyed |
//! | dwell | how long a successor is published before it signs |
//! | foreign | issued by another CA: a certificate in an entry, or a leaf in a serving record |
//! | remembered | a foreign root that the authority record keeps until the leaf that it verified has expired |
//! | unusable | a bundle that verifies nothing that is served, or contains an impostor of a root, or more than its bounds |
//! | lane | the rules of one record or one target |
//!
//! # Map
//!
//! | to | begin with |
//! |---|---|
//! | keep certificates | [`Rotator::step`], in a loop; each [`Report`] says what was written and when to call it again |
//! | choose what to keep, and for how long | [`Settings`], [`Policy`] |
//! | store records somewhere else | [`SecretStore`], proven by [`conformance`] |
//! | write bundles somewhere else | [`WebhookPatcher`] |
//! | see every rule | [`plan()`]: an [`Observation`] goes in, a [`Plan`] comes out |
//! | try it without a cluster | [`MemoryStore`], [`MemoryTargets`], [`MemoryClock`]; `examples/rotate.rs` |
//!
//! # Example
//!
//! The decision is a function of the observation, the policy, and the bounds of time:
//!
//! ```
//! use std::{collections::BTreeMap, time::Duration};
//!
//! use certgen::UnixTime;
//! use rotator_core::{Action, Observation, Policy, Seen, TimeBounds, plan};
//!
//! let policy = Policy::standard();
//! let now = TimeBounds::around(UnixTime::from_secs(1_800_000_000), Duration::from_secs(2));
//! let seen = |authority| Observation {
//!     authority,
//!     serving: Vec::new(),
//!     targets: Vec::new(),
//!     holds: BTreeMap::new(),
//! };
//!
//! let first = plan(&seen(Seen::Absent), &policy, now);
//! assert!(first.actions().any(|(_, action)| matches!(action, Action::CreateAuthority(_))));
//!
//! // What could not be read may be there.
//! assert!(plan(&seen(Seen::Failed), &policy, now).is_idle());
//! ```
#![no_std]
#![warn(clippy::wildcard_enum_match_arm)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod authority_record;
mod bounds;
mod carry_out;
pub mod conformance;
mod disown;
mod in_memory;
mod judge;
mod memory;
mod memory_clock;
mod observation;
mod observe;
mod plan;
mod policy;
mod ports;
mod report;
mod root_name;
mod rotator;
mod serving_record;
mod settings;
mod step_error;
mod store;
mod target;
#[cfg(test)]
mod test_key;
mod told;
mod verifiers;

pub use crate::{
    authority_record::{Authority, RecordError},
    bounds::TimeBounds,
    disown::{DisownError, Disowned, disown},
    in_memory::{Fault, MemoryStore, MemoryTarget, MemoryTargets},
    memory_clock::MemoryClock,
    observation::{
        AnchorView, AuthorityView, EntrySeen, GenerationNumber, GenerationView, Lane, LeafView,
        Observation, RememberedRoot, Seen, ServingObservation, ServingView, TargetObservation,
        TargetSeen, Undone, Verifier,
    },
    plan::{
        Action, Decision, FOREIGN_BYTES_CAP, FOREIGN_CAP, FOREIGN_SUBJECT_CAP, LeafReason, NewLeaf,
        NewRoot, Plan, Publication, REMEMBERED_BYTES_CAP, REMEMBERED_CAP, Urgency, Why, plan,
    },
    policy::{Durations, GENERATION_CAP, Policy, PolicyError, PolicyWarning},
    ports::{Clock, ClockError, Entropy, EntropyError, Ports, SecretStore, WebhookPatcher},
    report::{Event, ForeignCertificate, ForeignFound, NamesDropped, Published, Report},
    rotator::{Duty, Rotator},
    serving_record::Serving,
    settings::{ServingSettings, Settings},
    step_error::StepError,
    store::{Record, RecordName, Revision, StoreError, Stored},
    target::{
        EntryBundle, EntryEdit, EntryName, EntryView, PatchError, TargetRef, TargetState,
        TargetView,
    },
};
