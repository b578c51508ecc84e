//! The ports of `rotator-core` on Kubernetes: Secrets, webhook targets, the API server's clock, a Lease, and Events.

mod api_server;
mod backoff;
mod changes;
mod clock;
mod connect;
mod connection;
mod entropy;
mod events;
#[cfg(test)]
mod fake;
mod fault;
mod known;
mod kubeconfig;
mod lease;
mod listener;
mod metadata_risk;
mod no_call;
mod nudge;
mod object_name;
mod proxy;
mod refusals;
mod resource;
mod secrets;
mod system_clock;
mod target_status;
mod targets;
mod watch;
mod witness;
mod wrong_clock;

pub use crate::{
    api_server::ApiServer,
    clock::KubeClock,
    connect::{ConnectError, connect},
    entropy::SystemEntropy,
    events::{EventWriter, Note, Severity},
    lease::Election,
    listener::local_time,
    metadata_risk::{MetadataRisk, MetadataRisks},
    nudge::PodNudger,
    object_name::{InvalidName, check_label, check_subdomain, check_target_name},
    resource::FIELD_MANAGER,
    secrets::KubeSecretStore,
    system_clock::SystemClock,
    target_status::TargetStatus,
    targets::{KubeWebhookPatcher, Target},
    witness::Skew,
    wrong_clock::{Trouble, WrongClock},
};
