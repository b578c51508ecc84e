//! The kinds of object that carry a caBundle.

use core::{fmt, str::FromStr};

/// A kind of object that tells API servers, or gatekeeper, which certificates to trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each kind has its own shape; a new one must visit every use"
)]
pub enum TargetKind {
    /// `admissionregistration.k8s.io/v1`; one bundle per webhook.
    ValidatingWebhookConfiguration,
    /// `admissionregistration.k8s.io/v1`; one bundle per webhook.
    MutatingWebhookConfiguration,
    /// `apiextensions.k8s.io/v1`; the bundle of its conversion webhook.
    CustomResourceDefinition,
    /// `apiregistration.k8s.io/v1`; the bundle of an aggregated API server.
    ApiService,
    /// `externaldata.gatekeeper.sh/v1beta1`; a string that holds base64 of PEM.
    Provider,
}

impl TargetKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::ValidatingWebhookConfiguration,
        Self::MutatingWebhookConfiguration,
        Self::CustomResourceDefinition,
        Self::ApiService,
        Self::Provider,
    ];

    /// The kind's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ValidatingWebhookConfiguration => "ValidatingWebhookConfiguration",
            Self::MutatingWebhookConfiguration => "MutatingWebhookConfiguration",
            Self::CustomResourceDefinition => "CustomResourceDefinition",
            Self::ApiService => "APIService",
            Self::Provider => "Provider",
        }
    }

    /// Group and version, as in `apiVersion`.
    pub fn group_version(self) -> &'static str {
        match self {
            Self::ValidatingWebhookConfiguration | Self::MutatingWebhookConfiguration => {
                "admissionregistration.k8s.io/v1"
            }
            Self::CustomResourceDefinition => "apiextensions.k8s.io/v1",
            Self::ApiService => "apiregistration.k8s.io/v1",
            Self::Provider => "externaldata.gatekeeper.sh/v1beta1",
        }
    }

    /// The name in paths and RBAC rules. All kinds are cluster-scoped.
    pub fn plural(self) -> &'static str {
        match self {
            Self::ValidatingWebhookConfiguration => "validatingwebhookconfigurations",
            Self::MutatingWebhookConfiguration => "mutatingwebhookconfigurations",
            Self::CustomResourceDefinition => "customresourcedefinitions",
            Self::ApiService => "apiservices",
            Self::Provider => "providers",
        }
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TargetKind {
    type Err = UnknownKind;

    /// Reads what [`as_str`](Self::as_str) writes.
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownKind)
    }
}

/// No such kind carries a caBundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of object that carries a caBundle")]
#[non_exhaustive]
pub struct UnknownKind;
