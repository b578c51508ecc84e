//! What the scenarios over all crates stand on: a real control plane, made and unmade by each scenario.
//!
//! [`ControlPlane`] runs etcd and any number of kube-apiservers on loopback. [`WebhookService`] gives a server on
//! loopback a `service:` reference that those API servers can call. [`apply()`] creates objects from manifests.

mod apply;
mod audit;
mod control_plane;
mod webhook_service;

pub use crate::{
    apply::{ApplyError, apply},
    audit::AuditEvent,
    control_plane::{ControlPlane, ControlPlaneError},
    webhook_service::WebhookService,
};
