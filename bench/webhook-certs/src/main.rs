//! A small webhook server whose certificates `webhook-certs` keeps: what `bench/cert-controller` is compared with. Admits
//! everything and hangs up after each answer.

use std::error::Error;

use axum::{
    Json, Router,
    http::header::CONNECTION,
    response::IntoResponse,
    routing::{get, post},
};
use clap::Parser;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use webhook_certs::{PolicyArgs, WebhookCerts};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    policy: PolicyArgs,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt().with_ansi(false).init();
    let arguments = Arguments::parse();
    let listener = TcpListener::bind("0.0.0.0:9443").await?;
    let certs = WebhookCerts::builder("guard", "webhook-certs")
        .validating("webhook-certs.example.com")
        .policy(arguments.policy.policy()?)
        .start(Client::try_from(Config::infer().await?)?)?;
    certs.ready().await;
    let router = Router::new()
        .route("/admit", post(admit))
        .route("/readyz", get(async || "ok"));
    certs.serve(listener, router).await?;
    Ok(())
}

/// Every call is a handshake of its own, so that none hides behind a connection of before.
async fn admit(Json(review): Json<Value>) -> impl IntoResponse {
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": { "uid": review.pointer("/request/uid"), "allowed": true },
    });
    ([(CONNECTION, "close")], Json(answer))
}
