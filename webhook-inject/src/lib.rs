//! Reads which certificates the callers of a webhook trust, and changes that without harming the objects of other
//! owners.
//!
//! Five kinds of object ([`TargetKind`]) carry a caBundle. [`view`] reads an object as JSON and returns, for each entry
//! that calls our Service, what the API server reads from its caBundle. [`patch`] makes the JSON patch (RFC 6902) that
//! replaces those bundles only if the object still is the one that was seen. It never applies entries by server-side
//! apply (their owner could not remove them any more), and never writes a whole object (that would revert changes of
//! other writers).
//!
//! No client and no I/O: send the patch with any client, as `application/json-patch+json`. If the API server refuses a
//! `test` (422 `Invalid` without causes), the object changed: read it again.
//!
//! ```
//! use webhook_inject::{EntryState, Selector, TargetKind, view};
//!
//! let object = serde_json::json!({
//!     "metadata": { "uid": "0a1b", "resourceVersion": "7" },
//!     "webhooks": [{
//!         "name": "pods.guard.example.com",
//!         "clientConfig": { "service": { "namespace": "guard-system", "name": "guard" }, "caBundle": "Cg==" }
//!     }]
//! });
//! let ours = Selector::of_service("guard-system", "guard");
//! let seen = view(TargetKind::ValidatingWebhookConfiguration, &object, &ours)?;
//! assert!(matches!(seen.entries[0].state, EntryState::Unusable(_))); // a blank line is not a certificate: every call fails
//! # Ok::<(), webhook_inject::Malformed>(())
//! ```
#![no_std]

extern crate alloc;

mod deadlock;
mod kind;
mod patch;
mod selector;
mod view;
mod writer;

pub use crate::{
    deadlock::{Asked, Deadlock, deadlocks},
    kind::{TargetKind, UnknownKind},
    patch::{NothingToWrite, patch},
    selector::Selector,
    view::{Entry, EntryKey, EntryState, Malformed, ObjectView, PassedOver, view},
};
