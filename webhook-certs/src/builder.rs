//! Configures what to manage, and starts managing it.

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use certgen::{DnsName, NameError, ServerNames};
use kube_adapter::{
    ApiServer, EventWriter, KubeClock, KubeSecretStore, KubeWebhookPatcher, MetadataRisks,
    SystemEntropy, check_label, check_subdomain,
};
use rotator_core::{
    Duty, Policy, Ports, RecordName, Report, SecretStore, ServingSettings, Settings,
};
use tokio::sync::watch;
use webhook_inject::TargetKind;
use webhook_serve::{Acceptor, ClientCa, ClientCaError, Resolver};

use crate::{
    WebhookCerts,
    any_store::AnyStore,
    follower::Follower,
    handle::{Parts, Task},
    identity,
    keeper::Keeper,
    narrator::{Narrator, Shared, watch_clock},
    server::{Counts, Limits},
    targets::{TargetName, TargetNameError, TargetSet},
    uninjected,
    words::in_full,
};

/// A configuration of what to manage; made by [`WebhookCerts::builder`].
#[derive(Debug)]
pub struct Builder {
    service: String,
    namespace: String,
    dns: Vec<String>,
    ips: Vec<IpAddr>,
    targets: Vec<(TargetKind, String)>,
    authority: Option<String>,
    serving: Option<String>,
    policy: Policy,
    authority_store: Option<Store>,
    serving_store: Option<Store>,
    keeps: bool,
    limits: Limits,
    client_ca: Option<PathBuf>,
}

/// A store of the operator's; `start` begins to listen for its changes, since that needs a runtime.
struct Store(Box<dyn FnOnce() -> AnyStore + Send>);

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(service: String, namespace: String) -> Self {
        Self {
            targets: Vec::new(),
            service,
            namespace,
            dns: Vec::new(),
            ips: Vec::new(),
            authority: None,
            serving: None,
            policy: Policy::standard(),
            authority_store: None,
            serving_store: None,
            keeps: true,
            limits: Limits::default(),
            client_ca: None,
        }
    }

    /// Manages the bundles of a `ValidatingWebhookConfiguration`: every entry that calls the service, or with
    /// `NAME/ENTRY` that entry.
    #[must_use]
    pub fn validating(self, name: &str) -> Self {
        self.target(TargetKind::ValidatingWebhookConfiguration, name)
    }

    /// Manages the bundles of a `MutatingWebhookConfiguration`: every entry that calls the service, or with
    /// `NAME/ENTRY` that entry.
    #[must_use]
    pub fn mutating(self, name: &str) -> Self {
        self.target(TargetKind::MutatingWebhookConfiguration, name)
    }

    /// Manages the bundle of a `CustomResourceDefinition`'s conversion webhook.
    #[must_use]
    pub fn crd_conversion(self, name: &str) -> Self {
        self.target(TargetKind::CustomResourceDefinition, name)
    }

    /// Manages the bundle of an `APIService`.
    #[must_use]
    pub fn api_service(self, name: &str) -> Self {
        self.target(TargetKind::ApiService, name)
    }

    /// Manages the bundle of gatekeeper's external data `Provider`.
    #[must_use]
    pub fn provider(self, name: &str) -> Self {
        self.target(TargetKind::Provider, name)
    }

    fn target(mut self, kind: TargetKind, name: &str) -> Self {
        self.targets.push((kind, name.to_owned()));
        self
    }

    /// Adds a DNS name to the certificate, besides `<service>.<namespace>.svc`.
    #[must_use]
    pub fn dns_name(mut self, name: &str) -> Self {
        self.dns.push(name.to_owned());
        self
    }

    /// Adds an IP address to the certificate.
    #[must_use]
    pub fn ip(mut self, address: IpAddr) -> Self {
        self.ips.push(address);
        self
    }

    /// Sets the name of the authority record; `<service>-ca` if not set. Never mount it.
    #[must_use]
    pub fn authority_secret(mut self, name: &str) -> Self {
        self.authority = Some(name.to_owned());
        self
    }

    /// Sets the name of the serving record; `<service>-tls` if not set.
    #[must_use]
    pub fn serving_secret(mut self, name: &str) -> Self {
        self.serving = Some(name.to_owned());
        self
    }

    /// Sets lifetimes and when to renew and rotate; [`Policy::standard`] if not set.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Keeps the authority record in `store` instead of a Secret.
    #[must_use]
    pub fn authority_store(mut self, store: impl SecretStore + 'static) -> Self {
        self.authority_store = Some(Store(Box::new(|| AnyStore::new(store))));
        self
    }

    /// Keeps the serving record in `store` instead of a Secret.
    #[must_use]
    pub fn serving_store(mut self, store: impl SecretStore + 'static) -> Self {
        self.serving_store = Some(Store(Box::new(|| AnyStore::new(store))));
        self
    }

    /// Only serves: another process, such as a sidecar, manages the certificates.
    ///
    /// Needs no permission on the authority or the targets, and [`ready`](WebhookCerts::ready) waits for the
    /// certificate alone.
    #[must_use]
    pub fn serve_only(mut self) -> Self {
        self.keeps = false;
        self
    }

    /// Limits how much memory, time and descriptors callers of [`serve`](WebhookCerts::serve) may take;
    /// [`Limits::default`] if not set.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves only callers that present a client certificate of one of the CAs in `file`.
    ///
    /// The file is PEM and is read again when it changes. API servers present a certificate only if their administrator
    /// configures one: `docs/client-certificates.md`.
    #[must_use]
    pub fn client_ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(file.into());
        self
    }

    /// Returns the names of the authority record and of the serving record.
    fn records(&self) -> (RecordName, RecordName) {
        let or_suffixed = |name: &Option<String>, suffix: &str| {
            let suffixed = || format!("{}-{suffix}", self.service);
            RecordName::new(name.clone().unwrap_or_else(suffixed))
        };
        (
            or_suffixed(&self.authority, "ca"),
            or_suffixed(&self.serving, "tls"),
        )
    }

    fn settings(
        &self,
        names: ServerNames,
        authority: &RecordName,
        serving: &RecordName,
    ) -> Settings {
        Settings {
            subject: format!("{}.{}", self.service, self.namespace),
            serving: vec![ServingSettings {
                record: serving.clone(),
                names,
            }],
            policy: self.policy,
            authority: authority.clone(),
        }
    }

    /// Checks the configured names, and logs warnings about the policy.
    fn check(&self, authority: &RecordName, serving: &RecordName) -> Result<(), StartError> {
        let has_own_store = self.authority_store.is_some() || self.serving_store.is_some();
        if authority == serving && !has_own_store && self.keeps {
            return Err(StartError::SharedSecret {
                name: authority.clone(),
            });
        }
        let (service, namespace) = (&self.service, &self.namespace);
        is_valid("service", service, check_label(service))?;
        is_valid("namespace", namespace, check_label(namespace))?;
        if self.authority_store.is_none() && self.keeps {
            let name = authority.as_str();
            is_valid("authority_secret", name, check_subdomain(name))?;
        }
        if self.serving_store.is_none() {
            let name = serving.as_str();
            is_valid("serving_secret", name, check_subdomain(name))?;
        }
        for warning in self.policy.warnings() {
            tracing::warn!("{warning}");
        }
        Ok(())
    }

    fn target_set(&self) -> Result<TargetSet, StartError> {
        let mut targets = TargetSet::of_service(&self.namespace, &self.service);
        for (kind, text) in &self.targets {
            let setting = match kind {
                TargetKind::ValidatingWebhookConfiguration => "validating",
                TargetKind::MutatingWebhookConfiguration => "mutating",
                TargetKind::CustomResourceDefinition => "crd_conversion",
                TargetKind::ApiService => "api_service",
                TargetKind::Provider => "provider",
            };
            targets.add(is_valid(setting, text, TargetName::parse(*kind, text))?);
        }
        if self.keeps {
            targets.warn_if_empty();
        }
        Ok(targets)
    }

    /// Starts to manage the certificates, and to give each new one to the server.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// Every replica may do this: one that comes second finds the work done.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a name is not valid in Kubernetes or in a certificate, both records are the same Secret, or
    /// the TLS library is not as expected. Nothing was written.
    pub fn start(self, client: kube::Client) -> Result<WebhookCerts, StartError> {
        let api = ApiServer::new(client);
        let (authority, serving) = self.records();
        self.check(&authority, &serving)?;
        let target_set = self.target_set()?;
        let server_name = format!("{}.{}.svc", self.service, self.namespace);
        let names = server_names(&server_name, &self.dns, &self.ips)?;
        let risks = MetadataRisks::default();
        let settings = self.settings(names.clone(), &authority, &serving);
        let secret_store = |name: &RecordName| {
            let store = KubeSecretStore::new(&api, &self.namespace).noting(&risks);
            AnyStore::new(store.watching([name]))
        };
        let serving_store = match self.serving_store {
            Some(store) => store.0(),
            None => secret_store(&serving),
        };

        let resolver = Resolver::new(names);
        let client_ca = self.client_ca.map(client_ca).transpose()?;
        let acceptor = acceptor(&resolver, client_ca.as_ref())?;
        let follower = Follower::new(serving_store.clone(), serving.clone(), resolver.clone());
        let mut tasks = vec![Task::spawn("following the serving record", follower.run())];
        let mut patcher = None;
        let clock = KubeClock::new(&api);
        if self.keeps {
            let targets = target_set.into_targets();
            let targets = Arc::new(KubeWebhookPatcher::watching(&api, targets));
            patcher = Some(Arc::clone(&targets));
            let ports = Ports {
                authority: match self.authority_store {
                    Some(store) => store.0(),
                    None => secret_store(&authority),
                },
                serving: serving_store,
                patcher: targets,
                clock: clock.clone(),
                entropy: SystemEntropy::new(),
            };
            let events = EventWriter::new(&api, &self.namespace, &identity::host());
            let narrator = Narrator::default()
                .with_events(events, &authority)
                .with_risks(risks.clone());
            let keeping = keep(Keeper::new(settings, ports), narrator);
            tasks.push(Task::spawn("keeping certificates", keeping));
        } else {
            let allowance = self.policy.durations().clock_allowance;
            let watching = watch_clock(clock.clone(), allowance);
            tasks.push(Task::spawn("watching the clock", watching));
        }
        Ok(WebhookCerts::from_parts(Parts {
            resolver,
            acceptor,
            client_ca,
            limits: self.limits,
            counts: Counts::default(),
            patcher,
            clock,
            server_name,
            tasks,
        }))
    }
}

fn acceptor(resolver: &Resolver, callers: Option<&ClientCa>) -> Result<Acceptor, rustls::Error> {
    match callers {
        Some(ca) => Ok(Acceptor::with_config(
            resolver,
            resolver.server_config_for(ca)?,
        )),
        None => Acceptor::new(resolver),
    }
}

fn client_ca(file: PathBuf) -> Result<ClientCa, ClientCaError> {
    let name = file.display().to_string();
    ClientCa::from_file(file, move |outcome| match outcome {
        Ok(()) => tracing::info!(file = name, "read the CA of callers again"),
        Err(error) => tracing::warn!(
            error = in_full(&error),
            "the CA of callers stays the one before: mend the file"
        ),
    })
}

fn server_names(own: &str, dns: &[String], ips: &[IpAddr]) -> Result<ServerNames, NameError> {
    let dns = std::iter::once(own).chain(dns.iter().map(String::as_str));
    let dns: Result<Vec<DnsName>, NameError> = dns.map(str::parse).collect();
    ServerNames::new(dns?, ips.iter().copied())
}

fn is_valid<T>(
    setting: &'static str,
    value: &str,
    checked: Result<T, impl Into<TargetNameError>>,
) -> Result<T, StartError> {
    checked.map_err(|reason| StartError::InvalidName {
        setting,
        value: value.to_owned(),
        reason: reason.into().to_string(),
    })
}

type KubeKeeper = Keeper<AnyStore, AnyStore, Arc<KubeWebhookPatcher>, KubeClock, SystemEntropy>;

async fn keep(keeper: KubeKeeper, narrator: Narrator) {
    // Two replicas cannot harm each other; a Lease would only save work for the second.
    let (_lead, duty) = watch::channel(Duty::Lead);
    let settings = keeper.rotator().settings();
    let allowance = settings.policy.durations().clock_allowance;
    let narrator = Shared::new(narrator);
    let patcher = Arc::clone(&keeper.ports().patcher);
    let tell = |keeper: &KubeKeeper, report: &Report| {
        let mut narrator = narrator.lock();
        narrator.tell(report);
        narrator.compare(keeper.ports().clock.skew(), allowance);
        narrator.warn(keeper.ports().patcher.deadlocks());
    };
    let keeping = keeper.run(duty.clone(), tell);
    tokio::join!(keeping, uninjected::warn(&patcher, duty, &narrator));
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Kubernetes does not allow this name.
    #[error("{setting} {value:?}: {reason}")]
    InvalidName {
        /// The method of the builder that took it: `crd_conversion`; or `service`, `namespace`.
        setting: &'static str,
        /// The value given.
        value: String,
        /// What Kubernetes requires.
        reason: String,
    },
    /// A name is not valid in a certificate.
    #[error("a name cannot be in a certificate")]
    Name(#[from] NameError),
    /// One Secret is named for both records: pods would mount the CA's key.
    #[error(
        "Secret {name} is named for both records: give the authority one of its own, which is never mounted"
    )]
    SharedSecret {
        /// The Secret's name.
        name: RecordName,
    },
    /// The file with the CA of callers cannot be used.
    #[error("the CA of callers cannot be used")]
    ClientCa(#[from] ClientCaError),
    /// The TLS library lacks something that it should have.
    #[error("the TLS library cannot be set up")]
    Tls(#[from] rustls::Error),
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A client without an API server.
    pub(crate) fn nowhere() -> kube::Client {
        let url = "http://127.0.0.1:1".parse().unwrap();
        kube::Client::try_from(kube::Config::new(url)).unwrap()
    }

    #[tokio::test]
    async fn the_keys_of_the_ca_are_never_put_beside_what_pods_mount() {
        let client = nowhere();
        let shared = WebhookCerts::builder("guard", "guard-system")
            .authority_secret("guard-tls")
            .start(client.clone());
        let Err(refused) = shared else {
            panic!("both in one Secret");
        };
        assert!(
            refused
                .to_string()
                .starts_with("Secret guard-tls is named for both records"),
            "{refused}"
        );
        // With `serve_only` there is no authority, so its name does not matter.
        let served = WebhookCerts::builder("guard", "guard-system")
            .authority_secret("guard-tls")
            .serve_only()
            .start(client);
        assert!(served.is_ok());
    }
    #[tokio::test]
    async fn a_name_that_kubernetes_cannot_have_starts_nothing() {
        let client = nowhere();
        let guard = || WebhookCerts::builder("guard", "guard-system");
        for (builder, words) in [
            (guard().validating("Guard"), "validating \"Guard\": "),
            (guard().mutating("guard/"), "mutating \"guard/\": "),
            (
                guard().crd_conversion("etcds"),
                "crd_conversion \"etcds\": ",
            ),
            (guard().api_service("v1"), "api_service \"v1\": "),
            (guard().provider(""), "provider \"\": "),
            (guard().serving_secret("a b"), "serving_secret \"a b\": "),
            (guard().authority_secret(""), "authority_secret \"\": "),
            (WebhookCerts::builder("a.b", "c"), "service \"a.b\": "),
            (WebhookCerts::builder("a", "C"), "namespace \"C\": "),
        ] {
            let Err(refused) = builder.start(client.clone()) else {
                panic!("{words}");
            };
            assert!(refused.to_string().starts_with(words), "{refused}");
        }
    }
}
