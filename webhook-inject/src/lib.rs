//! Which certificates do the callers of a webhook trust, and how to change that without harming anybody's object.
//!
//! Five kinds of object ([`TargetKind`]) carry a caBundle. [`view`] reads an object as JSON and tells, for each entry
//! that calls our service, what the API server makes of its caBundle. [`patch`] writes the JSON patch (RFC 6902) that
//! replaces those bundles only if the object still is the one that was seen. Never server-side apply of entries (their
//! owner could not remove them any more), never a whole object (it would revert other people's changes).
//!
//! No client and no I/O: send the patch with whatever client you have, as `application/json-patch+json`. If the API
//! server refuses a `test` (422 `Invalid` without causes), the object moved: read it again.
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
