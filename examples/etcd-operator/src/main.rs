//! An operator for etcd with three webhooks, whose certificates `webhook-certs` manages.

use std::{io::Write, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use kube::{Client, Config};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use webhook_certs::{PolicyArgs, WebhookCerts};

mod api;
mod cert_dir;
mod children;
mod convert;
mod defaults;
mod quantity;
mod reconcile;
mod status;
mod validate;
mod version;
mod webhooks;

use cert_dir::CertDir;
use children::Surroundings;

/// Returns memory to the system after a flood of connections, which the C library's allocator would keep.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Manages etcd clusters.
#[derive(Parser)]
#[command(version, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the webhooks and reconciles until stopped
    Run(Box<RunArgs>),
    /// Prints the `CustomResourceDefinition`
    Crd,
}

#[derive(clap::Args)]
struct RunArgs {
    /// Namespace of the operator
    #[arg(long, env = "POD_NAMESPACE", default_value = "etcd-operator-system")]
    namespace: String,
    /// Service that API servers call
    #[arg(long, env = "WEBHOOK_SERVICE", default_value = "etcd-operator")]
    service: String,
    /// The validating and the mutating configuration, which have one name
    #[arg(long, env = "WEBHOOK_CONFIGURATION", default_value = "etcd-operator")]
    configuration: String,
    /// Secret that contains the CA
    #[arg(long, env = "AUTHORITY_SECRET", default_value = "etcd-operator-ca")]
    authority_secret: String,
    /// Secret that contains the certificate
    #[arg(long, env = "SERVING_SECRET", default_value = "etcd-operator-tls")]
    serving_secret: String,
    /// Serve the webhooks here
    #[arg(long, default_value = "0.0.0.0:9443")]
    listen: SocketAddr,
    /// Keep no certificates: for use with cert-manager. They come from --cert-dir then
    #[arg(long, requires = "cert_dir")]
    disable_cert_rotation: bool,
    /// Folder with tls.crt and tls.key
    #[arg(long, value_name = "DIR", requires = "disable_cert_rotation")]
    cert_dir: Option<PathBuf>,
    /// Image of etcd, without a tag
    #[arg(long, default_value = "gcr.io/etcd-development/etcd")]
    etcd_image: String,
    /// Domain of the cluster's own names
    #[arg(long, default_value = "cluster.local")]
    cluster_domain: String,
    #[command(flatten)]
    policy: PolicyArgs,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .init();
    let outcome = match Arguments::parse().command {
        Command::Run(args) => run(*args).await,
        Command::Crd => print_definition(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the certificates first; reconciler and webhooks when API servers can call.
async fn run(args: RunArgs) -> Result<(), Failure> {
    let client = Client::try_from(Config::infer().await?)?;
    let listener = TcpListener::bind(args.listen).await?;
    // The certificates, from here
    let mut certs = WebhookCerts::builder(&args.service, &args.namespace)
        .mutating(&args.configuration)
        .validating(&args.configuration)
        .crd_conversion(api::CRD)
        .authority_secret(&args.authority_secret)
        .serving_secret(&args.serving_secret)
        .policy(args.policy.policy()?);
    if let Some(folder) = args.cert_dir {
        certs = certs.serving_store(CertDir::new(folder)).serve_only();
    }
    let certs = certs.start(client.clone())?;
    certs.ready().await;
    // to here.
    tracing::info!("ready");
    let around = Surroundings {
        image: args.etcd_image,
        cluster_domain: args.cluster_domain,
    };
    tokio::select! {
        outcome = certs.serve(listener, webhooks::router()) => outcome?,
        () = reconcile::run(client, around) => {}
    }
    Ok(())
}

fn print_definition() -> Result<(), Failure> {
    let definition = api::definition("etcd-operator-system", "etcd-operator")?;
    let yaml = serde_saphyr::to_string(&definition)?;
    std::io::stdout().write_all(yaml.as_bytes())?;
    Ok(())
}
