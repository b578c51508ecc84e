//! Warns when a Secret's metadata lets another controller copy it elsewhere, or delete it with its owner.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Deserialize;

/// One thing that another controller does with a Secret because of its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every risk is told to the administrator"
)]
pub enum MetadataRisk {
    /// The garbage collector deletes it when this owner is deleted.
    DeletedWithOwner {
        /// The owner's kind.
        kind: String,
        /// The owner's name.
        name: String,
    },
    /// A controller that copies Secrets to other namespaces or stores acts on this annotation or label.
    Copied {
        /// Its key.
        key: String,
    },
}

/// Says what happens and what to do.
impl fmt::Display for MetadataRisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeletedWithOwner { kind, name } => write!(
                f,
                "it is deleted with its owner {} {}: remove metadata.ownerReferences unless you mean that",
                Safe(kind),
                Safe(name)
            ),
            Self::Copied { key } => write!(
                f,
                "{} lets a controller copy its private key elsewhere: remove it",
                Safe(key)
            ),
        }
    }
}

/// A name that another party chose: shown without unprintable characters, and no longer than an object's name.
struct Safe<'a>(&'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.chars().take(LONGEST_NAME);
        shown.try_for_each(|letter| write!(f, "{}", letter.escape_debug()))
    }
}

const LONGEST_NAME: usize = 253;

/// The metadata read for this.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    owner_references: Option<Vec<Owner>>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

/// The domains of keys by which controllers copy Secrets, or own those that they made: emberstack and havulv reflector,
/// mittwald replicator, kubed and its successor, external-secrets, cert-manager-sync, `ClusterSecret`, replizieren,
/// replik8or.
const COPYING_DOMAINS: &[&str] = &[
    "reflector.v1.k8s.emberstack.com",
    "reflector.havulv.io",
    "replicator.v1.mittwald.de",
    "kubed.appscode.com",
    "config-syncer.appscode.com",
    "external-secrets.io",
    "cert-manager-sync.lestak.sh",
    "clustersecret.io",
    "replizieren.dev",
    "replik8or.c0deltin.io",
];
/// Words in the keys of copying controllers that are not listed.
const COPYING_WORDS: &[&str] = &["replicat", "reflect"];

/// Returns what other controllers do with a Secret of this metadata.
pub(crate) fn risks(metadata: &Metadata) -> Vec<MetadataRisk> {
    let owners = metadata.owner_references.iter().flatten();
    let owners = owners.map(|owner| MetadataRisk::DeletedWithOwner {
        kind: owner.kind.clone(),
        name: owner.name.clone(),
    });
    let annotations = metadata.annotations.iter().flatten();
    let keys = annotations.chain(metadata.labels.iter().flatten());
    let copied = keys
        .filter(|(key, value)| lets_copy(key) && !value.eq_ignore_ascii_case("false"))
        .map(|(key, _)| MetadataRisk::Copied { key: key.clone() });
    owners.chain(copied).collect()
}

fn lets_copy(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let is_of = |listed: &&str| {
        domain
            .strip_suffix(*listed)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    COPYING_DOMAINS.iter().any(is_of) || COPYING_WORDS.iter().any(|word| key.contains(word))
}

/// The risks of some Secrets: stores write them when reading, a narrator takes them.
#[derive(Clone, Debug, Default)]
pub struct MetadataRisks {
    seen: Arc<Mutex<BTreeMap<String, Seen>>>,
}

#[derive(Debug)]
struct Seen {
    risks: Vec<MetadataRisk>,
    is_told: bool,
}

impl MetadataRisks {
    /// Notes the risks that this Secret was read with.
    pub(crate) fn note(&self, secret: &str, risks: Vec<MetadataRisk>) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(secret).is_none_or(|known| known.risks != risks) {
            let is_told = risks.is_empty();
            all.insert(secret.to_owned(), Seen { risks, is_told });
        }
    }

    /// Returns what is new since the last call: Secrets, and the risks of each.
    pub fn take_new(&self) -> Vec<(String, Vec<MetadataRisk>)> {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let new = all.iter_mut().filter(|(_, seen)| !seen.is_told);
        new.map(|(secret, seen)| {
            seen.is_told = true;
            (secret.clone(), seen.risks.clone())
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn risks_of(metadata: serde_json::Value) -> Vec<String> {
        let metadata = serde_json::from_value(metadata).unwrap();
        risks(&metadata).iter().map(ToString::to_string).collect()
    }

    fn copied_by(annotations: &serde_json::Value) -> usize {
        risks_of(json!({ "annotations": annotations })).len()
    }

    #[test]
    fn an_owner_is_a_risk_that_is_named() {
        let owner =
            json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "other", "uid": "1" });
        let told = risks_of(json!({ "ownerReferences": [owner] }));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("deleted with its owner Deployment other"));
    }

    #[test]
    fn the_annotations_of_controllers_that_copy_secrets_are_risks() {
        for key in [
            "reflector.v1.k8s.emberstack.com/reflection-allowed",
            "replicator.v1.mittwald.de/replicate-to",
            "kubed.appscode.com/sync",
            "reconcile.external-secrets.io/data-hash",
            "example.com/replicate-everywhere",
        ] {
            assert_eq!(copied_by(&json!({ key: "true" })), 1, "{key}");
        }
        let label = json!({ "labels": { "reconcile.external-secrets.io/managed": "true" } });
        assert_eq!(risks_of(label).len(), 1);
    }

    #[test]
    fn what_forbids_copies_and_what_is_no_business_of_theirs_is_no_risk() {
        for (key, value) in [
            (
                "reflector.v1.k8s.emberstack.com/reflection-allowed",
                "false",
            ),
            ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
            ("argocd.argoproj.io/tracking-id", "guard"),
            ("notexternal-secrets.io/x", "true"),
        ] {
            assert_eq!(copied_by(&json!({ key: value })), 0, "{key}");
        }
        assert!(risks_of(json!({})).is_empty());
    }

    #[test]
    fn what_others_wrote_is_shown_in_one_short_line() {
        let name = format!("a\nERROR \u{1b}[31m\u{202e}{}", "b".repeat(10_000));
        let told = risks_of(json!({ "ownerReferences": [{ "kind": "Job", "name": name }] }));
        let is_unsafe = |letter: char| letter.is_control() || letter == '\u{202e}';
        assert!(!told[0].contains(is_unsafe), "{told:?}");
        assert!(told[0].len() < 600, "{told:?}");
    }

    #[test]
    fn each_is_told_once_and_again_when_it_changes() {
        let all = MetadataRisks::default();
        let copied = |key: &str| vec![MetadataRisk::Copied { key: key.into() }];
        all.note("guard-ca", Vec::new());
        assert!(all.take_new().is_empty());
        for key in ["one", "two"] {
            all.note("guard-ca", copied(key));
            all.note("guard-ca", copied(key));
            assert_eq!(all.take_new(), [("guard-ca".to_owned(), copied(key))]);
            all.note("guard-ca", copied(key));
            assert!(all.take_new().is_empty());
        }
    }
}
