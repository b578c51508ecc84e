//! What the scenarios over all crates stand on: a real control plane, made and unmade by each scenario.
//!
//! [`ControlPlane`] runs etcd and any number of kube-apiservers on loopback. [`WebhookService`] gives a server on
//! loopback a `service:` reference that those API servers can call, [`RoundRobin`] puts replicas behind it, [`apply()`]
//! creates objects from manifests. [`Installation`] is all of it, with the rights of `deploy/`; [`Program`] runs what is
//! tested, [`FakeClock`] under a clock that is wrong, [`Load`] calls it, and [`FaultProxy`] comes in between.
//! [`Node`] has a kubelet, too, and runs what is in images.

mod accept;
mod apply;
mod audit;
mod chart;
mod connect_proxy;
mod control_plane;
mod conversion;
mod fake_clock;
mod fault_proxy;
mod installation;
mod leak;
mod lifetimes;
mod load;
mod node;
mod page;
mod process;
mod program;
mod rights;
mod round_robin;
mod said;
mod secret;
mod targets;
mod until;
mod webhook_service;
mod whole;
mod wire;

pub use crate::{
    apply::{ApplyError, apply, apply_object},
    audit::AuditEvent,
    chart::{Chart, manifests},
    connect_proxy::ConnectProxy,
    control_plane::{ControlPlane, ControlPlaneError, Version, certwatcher, kustomize},
    conversion::converted_through_rotations,
    fake_clock::{FakeClock, FakeClockError},
    fault_proxy::{Caught, Fault, FaultProxy, Moment},
    installation::{
        APISERVICE, CALLED, CRD, CREATING, Failure, Installation, Mode, PREMADE, TARGET, deployed,
    },
    leak::LeakSearch,
    lifetimes::{FAST, fast_flags, fast_policy, flags, slower},
    load::{Load, Outcome, call_once},
    node::{Node, Traces, inside_node},
    page::page,
    process::{megabytes, resident},
    program::{Program, built},
    rights::{MissingRight, roles},
    round_robin::RoundRobin,
    secret::{active_generation, empty_records, empty_secrets, secret_entry},
    targets::{provider, provider_kind},
    until::until,
    webhook_service::WebhookService,
    whole::is_whole,
    wire::Wire,
};
