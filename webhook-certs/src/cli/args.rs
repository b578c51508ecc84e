//! The flags. Each has an environment variable `WEBHOOK_CERTS_…` of the same name; an empty one counts as unset.
#![expect(clippy::doc_markdown, reason = "these comments are the help text")]

use std::{net::IpAddr, net::SocketAddr, path::PathBuf, time::Duration};

use certgen::Fingerprint;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use webhook_inject::TargetKind;

use super::values::{
    List, ServingSecret, label, list, mode, selector, serving_secret, subdomain, targets, timeout,
};
use crate::{PolicyArgs, targets::TargetName, unset_if_empty::unset_if_empty};

/// The same table as in docs/command-line.md.
const EXIT_CODES: &str = "\
Exit codes:
  0    done, or stopped by SIGTERM
  1    could not be done, and waiting does not help, or --once was stopped early: the last line says why
  2    a flag, a variable or the kubeconfig is wrong
  124  --once gave up after --timeout: the last lines say what is missing

An empty environment variable counts as unset. Lists have commas, with or without spaces.";

/// Keeps the TLS certificates of Kubernetes webhooks valid: makes a CA, issues, injects, rotates.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 120, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Arguments {
    /// Parses this process's arguments. Exits if they are wrong, or if they ask for help.
    pub(super) fn of_this_process() -> Self {
        let matches = unset_if_empty(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Keeps certificates valid until stopped; with --once brings everything up to date and exits
    #[command(after_help = EXIT_CODES)]
    Run(Box<RunArgs>),
    /// Writes a serving Secret's certificate to files, and again whenever it changes; needs no permission on the CA
    #[command(after_help = EXIT_CODES)]
    Follow(FollowArgs),
    /// Removes a certificate of another issuer from every bundle, also while `run` is running
    ///
    /// For a certificate that should not be trusted. Takes the flags of `run` that name the installation, and needs the
    /// permissions of `run`. Refuses if it is a root of this CA, or if a certificate that is served now needs it.
    #[command(after_help = EXIT_CODES)]
    Disown(Box<DisownArgs>),
    /// Shows CA rotations under load without a cluster, beside what happens without cross certificates
    Demo(DemoArgs),
}

/// The installation: the Service, the Secrets, the targets.
#[derive(Args, Debug)]
pub(super) struct InstallationArgs {
    /// Namespace of the Service and of the Secrets
    #[arg(long, env = "WEBHOOK_CERTS_NAMESPACE", value_name = "NS", value_parser = label)]
    pub(super) namespace: String,
    /// Service that API servers call: the certificate is for `<service>.<namespace>.svc`
    #[arg(long, env = "WEBHOOK_CERTS_SERVICE", value_name = "NAME", value_parser = label)]
    pub(super) service: String,
    /// One more DNS name for the certificate
    #[arg(
        long = "dns-name",
        env = "WEBHOOK_CERTS_DNS_NAME",
        value_name = "N",
        value_parser = list(str::parse::<String>)
    )]
    pub(super) dns_names: Vec<List<String>>,
    /// One more address for the certificate
    #[arg(
        long = "ip",
        env = "WEBHOOK_CERTS_IP",
        value_name = "A",
        value_parser = list(str::parse::<IpAddr>)
    )]
    pub(super) ips: Vec<List<IpAddr>>,
    #[command(flatten)]
    pub(super) targets: TargetArgs,
    /// Secret that contains the CA; never mount it [default: `<service>-ca`]
    #[arg(long, env = "WEBHOOK_CERTS_AUTHORITY_SECRET", value_name = "NAME", value_parser = subdomain)]
    pub(super) authority_secret: Option<String>,
    /// Secret that contains the certificate, with names of its own if given [default: `<service>-tls`]
    #[arg(
        long = "serving-secret",
        env = "WEBHOOK_CERTS_SERVING_SECRET",
        value_name = "NAME[:DNS,DNS…]",
        value_parser = serving_secret
    )]
    pub(super) serving_secrets: Vec<ServingSecret>,
}

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) installation: InstallationArgs,
    #[command(flatten)]
    pub(super) files: FileArgs,
    #[command(flatten)]
    pub(super) rotation: PolicyArgs,
    /// Let one replica at a time do the work, by a Lease
    #[arg(long, env = "WEBHOOK_CERTS_LEADER_ELECTION", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub(super) leader_election: bool,
    /// Lease for the election of the leader [default: `<service>-webhook-certs`]
    #[arg(long, env = "WEBHOOK_CERTS_LEASE", value_name = "NAME")]
    pub(super) lease: Option<String>,
    /// Bring a changed serving Secret at once to the pods of this label selector that mount it
    ///
    /// Writes an annotation on them, since a kubelet reads Secrets again when a pod changes; otherwise it takes up to
    /// two minutes. Needs deploy/rights/rbac-nudge.yaml.
    #[arg(
        long,
        env = "WEBHOOK_CERTS_NUDGE_PODS",
        value_name = "LABEL-SELECTOR",
        value_parser = selector
    )]
    pub(super) nudge_pods: Option<String>,
    /// Bring everything up to date and exit: for a Job
    ///
    /// Waits for what is still missing: permissions, targets, the API server. Exits with 124 if a target is not
    /// injected.
    #[arg(long, env = "WEBHOOK_CERTS_ONCE")]
    pub(super) once: bool,
    /// With --once: exit with 0 though targets are not injected, and name them
    ///
    /// For a Job that runs before its targets exist. Does not wait for such targets; still waits for permissions.
    #[arg(long, env = "WEBHOOK_CERTS_ALLOW_MISSING")]
    pub(super) allow_missing: bool,
    /// With --once: give up after so long without progress; 0 tries at once and does not wait
    #[arg(long, env = "WEBHOOK_CERTS_TIMEOUT", value_name = "D", default_value = "60s", value_parser = timeout)]
    pub(super) timeout: Duration,
    #[command(flatten)]
    pub(super) process: ProcessArgs,
}

#[derive(Args, Debug)]
pub(super) struct DisownArgs {
    /// SHA-256 of the certificate, from the Warning about it, or `openssl x509 -fingerprint -sha256`
    #[arg(value_name = "FINGERPRINT")]
    pub(super) fingerprint: Fingerprint,
    #[command(flatten)]
    pub(super) installation: InstallationArgs,
    #[command(flatten)]
    pub(super) process: ProcessArgs,
}

#[derive(Args, Debug)]
pub(super) struct FollowArgs {
    /// Namespace of the Secret
    #[arg(long, env = "WEBHOOK_CERTS_NAMESPACE", value_name = "NS", value_parser = label)]
    pub(super) namespace: String,
    /// Secret that contains the certificate
    #[arg(long, env = "WEBHOOK_CERTS_SERVING_SECRET", value_name = "NAME", value_parser = subdomain)]
    pub(super) serving_secret: String,
    /// Folder for tls.crt, tls.key and ca.crt
    #[arg(long, env = "WEBHOOK_CERTS_WRITE_DIR", value_name = "DIR")]
    pub(super) write_dir: PathBuf,
    /// Mode of tls.key
    #[arg(long, env = "WEBHOOK_CERTS_KEY_MODE", value_name = "MODE", default_value = "0640", value_parser = mode)]
    pub(super) key_mode: u32,
    /// Write the files and exit: for an init container
    ///
    /// Waits for the Secret, its certificate and the permission to read it. Exits with 124 if they do not come.
    #[arg(long, env = "WEBHOOK_CERTS_ONCE")]
    pub(super) once: bool,
    /// With --once: give up after so long; 0 tries at once and does not wait
    #[arg(long, env = "WEBHOOK_CERTS_TIMEOUT", value_name = "D", default_value = "60s", value_parser = timeout)]
    pub(super) timeout: Duration,
    #[command(flatten)]
    pub(super) process: ProcessArgs,
}

#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// How long the demo runs
    #[arg(long, value_name = "D", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(super) duration: Duration,
    /// A live table, or one JSON object at the end
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(super) output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Table,
    Json,
}

#[derive(Args, Debug)]
pub(super) struct TargetArgs {
    /// ValidatingWebhookConfiguration to inject: entries that call the service, or the one named
    #[arg(
        long,
        env = "WEBHOOK_CERTS_VALIDATING",
        value_name = "NAME[/ENTRY]",
        value_parser = targets(TargetKind::ValidatingWebhookConfiguration)
    )]
    pub(super) validating: Vec<List<TargetName>>,
    /// MutatingWebhookConfiguration to inject: entries that call the service, or the one named
    #[arg(
        long,
        env = "WEBHOOK_CERTS_MUTATING",
        value_name = "NAME[/ENTRY]",
        value_parser = targets(TargetKind::MutatingWebhookConfiguration)
    )]
    pub(super) mutating: Vec<List<TargetName>>,
    /// CustomResourceDefinition whose conversion webhook to inject
    #[arg(
        long,
        env = "WEBHOOK_CERTS_CRD",
        value_name = "NAME",
        value_parser = targets(TargetKind::CustomResourceDefinition)
    )]
    pub(super) crd: Vec<List<TargetName>>,
    /// APIService to inject
    #[arg(
        long,
        env = "WEBHOOK_CERTS_APISERVICE",
        value_name = "NAME",
        value_parser = targets(TargetKind::ApiService)
    )]
    pub(super) apiservice: Vec<List<TargetName>>,
    /// Provider of external data (gatekeeper) to inject
    #[arg(
        long,
        env = "WEBHOOK_CERTS_PROVIDER",
        value_name = "NAME",
        value_parser = targets(TargetKind::Provider)
    )]
    pub(super) provider: Vec<List<TargetName>>,
}

#[derive(Args, Debug)]
pub(super) struct FileArgs {
    /// Folder for tls.crt, tls.key and ca.crt, for servers in other languages
    #[arg(long, env = "WEBHOOK_CERTS_WRITE_DIR", value_name = "DIR")]
    pub(super) write_dir: Option<PathBuf>,
    /// Mode of tls.key
    #[arg(long, env = "WEBHOOK_CERTS_KEY_MODE", value_name = "MODE", default_value = "0640", value_parser = mode)]
    pub(super) key_mode: u32,
}

#[derive(Args, Debug)]
pub(super) struct ProcessArgs {
    /// Serve /healthz and /readyz here, without TLS
    #[arg(long, env = "WEBHOOK_CERTS_LISTEN", value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// Kubeconfig file [default: as kubectl, or as a pod]
    #[arg(long, env = "WEBHOOK_CERTS_KUBECONFIG", value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, env = "WEBHOOK_CERTS_CONTEXT", value_name = "NAME")]
    pub(super) context: Option<String>,
    /// Form of the log on standard error; RUST_LOG filters it
    #[arg(long, env = "WEBHOOK_CERTS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// Whether a kubelet started this process: it sets this variable in every container.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment is read where the arguments are parsed"
)]
pub(super) fn is_in_pod() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some_and(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use rotator_core::Policy;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_the_standard_policy() {
        let arguments = ["webhook-certs", "run", "--namespace", "n", "--service", "s"];
        let Command::Run(run) = Arguments::parse_from(arguments).command else {
            unreachable!("asked for run");
        };
        assert_eq!(run.rotation.policy(), Ok(Policy::standard()));
        assert_eq!((run.files.key_mode, run.leader_election), (0o640, true));
    }
}
