//! `guard KUBECONFIG ADDRESS keep|keep-steadily|serve-only [CA OF CALLERS]`: a webhook server with the library in it, as an operator
//! author writes one.
//!
//! Admits everything, converts by changing the version, and answers as an aggregated API. Hangs up after each answer, so
//! that every call is a fresh handshake. Prints `ready` when callers can call.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::{env, error::Error, future::pending, net::SocketAddr};

use axum::{
    Json, Router,
    http::header::CONNECTION,
    response::IntoResponse,
    routing::{any, post},
};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use scenarios::{APISERVICE, CRD, TARGET, fast_policy};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use webhook_certs::{Builder, WebhookCerts};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    log.with_ansi(false).init();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [kubeconfig, address, mode, callers @ ..] = arguments.as_slice() else {
        return Err(
            "usage: guard KUBECONFIG ADDRESS keep|keep-steadily|serve-only [CA OF CALLERS]".into(),
        );
    };
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let builder = WebhookCerts::builder("guard", "guard-system");
    let keep = |builder: Builder| {
        builder
            .validating(TARGET)
            .mutating(TARGET)
            .crd_conversion(CRD)
            .api_service(APISERVICE)
    };
    let builder = match mode.as_str() {
        "serve-only" => builder.serve_only(),
        "keep-steadily" => keep(builder),
        _ => keep(builder).policy(fast_policy()?),
    };
    let builder = match callers.first() {
        Some(ca) => builder.client_ca_file(ca),
        None => builder,
    };
    let certs = builder.start(Client::try_from(config)?)?;
    certs.ready().await;
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    println!("ready");
    // A signal ends it at once: scenarios are about what is lost then.
    certs.serve_until(listener, router(), pending()).await?;
    Ok(())
}

fn router() -> Router {
    Router::new()
        .route(
            "/admit",
            post(async |Json(review)| answer(admitted(&review))),
        )
        .route(
            "/convert",
            post(async |Json(review)| answer(converted(&review))),
        )
        .fallback(any(async || answer(resources())))
}

fn answer(answer: Value) -> impl IntoResponse {
    ([(CONNECTION, "close")], Json(answer))
}

fn admitted(review: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": { "uid": review.pointer("/request/uid"), "allowed": true },
    })
}

fn converted(review: &Value) -> Value {
    let wanted = review.pointer("/request/desiredAPIVersion");
    let objects = review.pointer("/request/objects").and_then(Value::as_array);
    let objects: Vec<Value> = objects.into_iter().flatten().cloned().collect();
    let converted: Vec<Value> = objects
        .into_iter()
        .map(|mut object| {
            if let (Some(fields), Some(wanted)) = (object.as_object_mut(), wanted) {
                fields.insert("apiVersion".into(), wanted.clone());
            }
            object
        })
        .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "response": {
            "uid": review.pointer("/request/uid"),
            "result": { "status": "Success" },
            "convertedObjects": converted,
        },
    })
}

fn resources() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "APIResourceList",
        "groupVersion": "metrics.example.com/v1",
        "resources": [{ "name": "loads", "singularName": "load", "namespaced": false, "kind": "Load", "verbs": ["list"] }],
    })
}
