//! Keeps the TLS certificates of a Kubernetes webhook valid, without a restart, a refused call or another program.
//!
//! ```no_run
//! # async fn example(client: kube::Client, app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
//! use webhook_certs::WebhookCerts;
//!
//! let certs = WebhookCerts::builder("guard", "guard-system") // service, namespace
//!     .validating("guard.example.com")
//!     .crd_conversion("etcds.db.example.com")
//!     .start(client)?;
//! certs.ready().await; // served, and trusted by every target that exists
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8443").await?;
//! certs.serve(listener, app).await?; // or: certs.rustls_config(), certs.resolver()
//! # Ok(())
//! # }
//! ```
//!
//! The permissions that this needs are in `deploy/` of the repository. The parts can be used alone: `certgen` makes and
//! verifies certificates, `rotator-core` decides, `webhook-inject` patches objects, `webhook-serve` swaps certificates
//! in a running server.

mod any_store;
mod builder;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod doubts;
mod follower;
mod handle;
mod identity;
mod keeper;
mod narrator;
mod notice;
#[cfg(feature = "cli")]
mod policy_args;
mod server;
mod targets;
mod trust;
mod uninjected;
#[cfg(feature = "cli")]
mod unset_if_empty;
mod words;

pub use certgen;
pub use kube_adapter;
pub use rotator_core;
pub use webhook_serve;

#[cfg(feature = "cli")]
pub use crate::policy_args::PolicyArgs;
pub use crate::{
    builder::{Builder, StartError},
    handle::WebhookCerts,
    keeper::Keeper,
    narrator::Narrator,
    server::{LimitCounts, Limits, RequestBody, stop_signal},
};
