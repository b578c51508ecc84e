//! Parses targets as users name them: `NAME` or `NAME/ENTRY`.

use std::collections::BTreeMap;

use kube_adapter::{InvalidName, Target, check_subdomain, check_target_name};
use webhook_inject::{Selector, TargetKind};

/// A valid name of an object, and one entry if only that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetName {
    kind: TargetKind,
    name: String,
    entry: Option<String>,
}

/// Why a text does not name a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetNameError {
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error("no entry follows the `/`: name one, or leave the `/` out")]
    NothingAfterSlash,
    #[error("an entry named so cannot exist: {0}")]
    Entry(InvalidName),
    #[error("{0} has one bundle and no named entries: leave out the `/` and what follows")]
    HasNoEntries(TargetKind),
}

impl TargetName {
    /// Parses `NAME`, or `NAME/ENTRY` for the kinds that have entries.
    pub(crate) fn parse(kind: TargetKind, text: &str) -> Result<Self, TargetNameError> {
        let (name, entry) = match text.split_once('/') {
            Some((name, entry)) => (name, Some(entry)),
            None => (text, None),
        };
        check_target_name(kind, name)?;
        match (kind, entry) {
            (_, Some("")) => return Err(TargetNameError::NothingAfterSlash),
            (
                TargetKind::ValidatingWebhookConfiguration
                | TargetKind::MutatingWebhookConfiguration,
                Some(entry),
            ) => check_subdomain(entry).map_err(TargetNameError::Entry)?,
            // This form selects a conversion even if it calls a URL.
            (_, None) | (TargetKind::CustomResourceDefinition, Some("conversion")) => {}
            (
                TargetKind::CustomResourceDefinition
                | TargetKind::ApiService
                | TargetKind::Provider,
                Some(_),
            ) => return Err(TargetNameError::HasNoEntries(kind)),
        }
        Ok(Self {
            kind,
            name: name.to_owned(),
            entry: entry.map(ToOwned::to_owned),
        })
    }
}

/// Targets by kind and name; several entries of one object make one target.
#[derive(Clone, Debug)]
pub(crate) struct TargetSet {
    whole: Selector,
    targets: BTreeMap<(TargetKind, String), Selector>,
}

impl TargetSet {
    pub(crate) fn of_service(namespace: &str, service: &str) -> Self {
        Self {
            whole: Selector::of_service(namespace, service),
            targets: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, target: TargetName) {
        let selector = self
            .targets
            .entry((target.kind, target.name))
            .or_insert_with(|| self.whole.clone());
        if let Some(entry) = target.entry {
            *selector = selector.clone().and_entry(entry);
        }
    }

    /// Warns if there is no target: that is allowed, and seldom intended.
    pub(crate) fn warn_if_empty(&self) {
        if self.targets.is_empty() {
            tracing::warn!(
                "no target is named: certificates are kept, and no caBundle is written anywhere"
            );
        }
    }

    pub(crate) fn into_targets(self) -> impl Iterator<Item = Target> {
        self.targets
            .into_iter()
            .map(|((kind, name), entries)| Target {
                kind,
                name,
                entries,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_object_of_the_kind_can_have_is_refused() {
        use TargetKind::{
            ApiService, CustomResourceDefinition, Provider, ValidatingWebhookConfiguration,
        };
        use TargetNameError::{Entry, HasNoEntries, Name, NothingAfterSlash};

        for (kind, text, why) in [
            (
                ValidatingWebhookConfiguration,
                "Guard.example.com",
                Name(InvalidName::Subdomain),
            ),
            (
                ValidatingWebhookConfiguration,
                "",
                Name(InvalidName::Subdomain),
            ),
            (
                ValidatingWebhookConfiguration,
                "guard.example.com/",
                NothingAfterSlash,
            ),
            (
                ValidatingWebhookConfiguration,
                "guard.example.com/a/b",
                Entry(InvalidName::Subdomain),
            ),
            (
                CustomResourceDefinition,
                "etcds",
                Name(InvalidName::Definition),
            ),
            (
                CustomResourceDefinition,
                "etcds.db.example.com/other",
                HasNoEntries(CustomResourceDefinition),
            ),
            (ApiService, "v1", Name(InvalidName::ApiService)),
            (ApiService, "v1.a/b", HasNoEntries(ApiService)),
            (Provider, "guard/provider", HasNoEntries(Provider)),
        ] {
            assert_eq!(TargetName::parse(kind, text), Err(why), "{kind} {text}");
        }
        for (kind, text) in [
            (ValidatingWebhookConfiguration, "guard.example.com/nope"),
            (CustomResourceDefinition, "etcds.db.example.com/conversion"),
            (ApiService, "v1.metrics.example.com"),
            (Provider, "guard"),
        ] {
            assert!(TargetName::parse(kind, text).is_ok(), "{kind} {text}");
        }
    }
}
