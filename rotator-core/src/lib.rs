//! The rotation of webhook certificates as a pure decision.
#![no_std]
#![warn(clippy::wildcard_enum_match_arm)]

extern crate alloc;

mod bounds;
mod ports;
mod store;
mod target;

pub use crate::{
    bounds::TimeBounds,
    ports::{Clock, ClockError, Entropy, EntropyError, SecretStore, WebhookPatcher},
    store::{Record, RecordName, Revision, StoreError, Stored},
    target::{
        EntryBundle, EntryEdit, EntryName, EntryView, PatchError, TargetRef, TargetState,
        TargetView,
    },
};
