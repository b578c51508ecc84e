//! Converts the flags of an installation into settings and targets.

use std::net::IpAddr;

use certgen::{DnsName, ServerNames};
use rotator_core::{Policy, RecordName, ServingSettings, Settings};

use super::{
    Failure,
    args::{InstallationArgs, TargetArgs},
    values::{List, ServingSecret},
};
use crate::targets::TargetSet;

impl InstallationArgs {
    /// Returns the settings of these flags.
    pub(super) fn settings(&self, policy: Policy) -> Result<Settings, Failure> {
        let own_name = format!("{}.{}.svc", self.service, self.namespace);
        let all_names = std::iter::once(&own_name).chain(List::all(&self.dns_names));
        let ips: Vec<IpAddr> = List::all(&self.ips).copied().collect();
        let names = server_names("--service, --namespace, --dns-name", all_names, &ips)?;
        let default = [ServingSecret {
            name: format!("{}-tls", self.service),
            dns: None,
        }];
        let asked = if self.serving_secrets.is_empty() {
            default.as_slice()
        } else {
            self.serving_secrets.as_slice()
        };
        let serving: Result<Vec<ServingSettings>, Failure> = asked
            .iter()
            .map(|secret| {
                Ok(ServingSettings {
                    record: RecordName::new(&secret.name),
                    names: match &secret.dns {
                        Some(dns) => server_names("--serving-secret", dns.iter(), &[])?,
                        None => names.clone(),
                    },
                })
            })
            .collect();
        let authority = match &self.authority_secret {
            Some(name) => name.clone(),
            None => format!("{}-ca", self.service),
        };
        let settings = Settings {
            subject: format!("{}.{}", self.service, self.namespace),
            authority: RecordName::new(authority),
            serving: serving?,
            policy,
        };
        one_record_each(&settings)?;
        Ok(settings)
    }

    /// Returns the targets of these flags.
    pub(super) fn targets(&self) -> TargetSet {
        let TargetArgs {
            validating,
            mutating,
            crd,
            apiservice,
            provider,
        } = &self.targets;
        let mut targets = TargetSet::of_service(&self.namespace, &self.service);
        for lists in [validating, mutating, crd, apiservice, provider] {
            for target in List::all(lists) {
                targets.add(target.clone());
            }
        }
        targets
    }
}

fn one_record_each(settings: &Settings) -> Result<(), Failure> {
    let mut names = std::collections::BTreeSet::from([&settings.authority]);
    match settings
        .serving
        .iter()
        .find(|serving| !names.insert(&serving.record))
    {
        Some(twice) => Err(Failure::Asked(format!(
            "Secret {} is named twice by --authority-secret and --serving-secret: each record needs a Secret of its \
             own, and the CA's is never mounted",
            twice.record
        ))),
        None => Ok(()),
    }
}

fn server_names<'a>(
    flags: &str,
    dns: impl Iterator<Item = &'a String>,
    ips: &[IpAddr],
) -> Result<ServerNames, Failure> {
    let asked = |error: certgen::NameError| Failure::Asked(format!("{flags}: {error}"));
    let dns: Result<Vec<DnsName>, _> = dns.map(|name| name.parse()).collect();
    ServerNames::new(dns.map_err(asked)?, ips.iter().copied()).map_err(asked)
}
