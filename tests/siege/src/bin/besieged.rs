//! `besieged KUBECONFIG ADDRESS`: the smallest webhook server that keeps its own certificates, written as the README says. Admits
//! everything. Prints `ready` when callers can call.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::{env, error::Error, net::SocketAddr};

use axum::{Json, Router, routing::post};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use webhook_certs::WebhookCerts;

/// As the example operator has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    log.with_ansi(false).init();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [kubeconfig, address] = arguments.as_slice() else {
        return Err("usage: besieged KUBECONFIG ADDRESS".into());
    };
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    let certs = WebhookCerts::builder("guard", "guard-system")
        .validating("guard.example.com")
        .start(Client::try_from(config)?)?;
    certs.ready().await;
    println!("ready");
    let router = Router::new().route("/admit", post(admit));
    certs.serve(listener, router).await?;
    Ok(())
}

async fn admit(Json(review): Json<Value>) -> Json<Value> {
    Json(json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": { "uid": review.pointer("/request/uid"), "allowed": true },
    }))
}
