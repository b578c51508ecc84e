//! The rotation of webhook certificates as a pure decision.
#![no_std]
#![warn(clippy::wildcard_enum_match_arm)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod authority_record;
mod bounds;
mod carry_out;
pub mod conformance;
mod in_memory;
mod judge;
mod memory;
mod observation;
mod observe;
mod plan;
mod policy;
mod ports;
mod report;
mod rotator;
mod serving_record;
mod step_error;
mod store;
mod target;

pub use crate::{
    authority_record::{Authority, RecordError},
    bounds::TimeBounds,
    in_memory::{Fault, MemoryStore, MemoryTarget, MemoryTargets},
    observation::{
        AuthorityView, EntrySeen, GenerationNumber, GenerationView, Lane, LeafView, Observation,
        Seen, ServingObservation, ServingView, TargetObservation, TargetSeen, Undone,
    },
    plan::{Action, Decision, LeafReason, NewLeaf, NewRoot, Plan, Publication, Urgency, Why, plan},
    policy::{Durations, GENERATION_CAP, Policy, PolicyError, PolicyWarning},
    ports::{Clock, ClockError, Entropy, EntropyError, SecretStore, WebhookPatcher},
    report::{Event, Published, Report},
    rotator::{Duty, Ports, Rotator, ServingSettings, Settings},
    serving_record::Serving,
    step_error::StepError,
    store::{Record, RecordName, Revision, StoreError, Stored},
    target::{
        EntryBundle, EntryEdit, EntryName, EntryView, PatchError, TargetRef, TargetState,
        TargetView,
    },
};
