//! [`SecretStore`] on Kubernetes Secrets of one namespace.

use std::{collections::BTreeMap, ops::ControlFlow};

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use rotator_core::{Record, RecordName, Revision, SecretStore, StoreError, Stored};
use serde::{Deserialize, Serialize, Serializer, de::IgnoredAny};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{
    api_server::ApiServer,
    changes::Changes,
    fault::{Fault, Needs},
    metadata_risk::{Metadata, MetadataRisks, risks},
    object_name::check_subdomain,
    resource::{Resource, Scope},
    watch::{News, Task, follow},
};

/// Stores records as Secrets of one namespace, named by their record names.
///
/// Reads are quorum reads. Writes are guarded by uid and `resourceVersion`, and change entries of `data` alone: labels,
/// annotations, owners, type and every field that this crate does not know belong to the creator of the Secret. A new
/// Secret gets a label that names this program, and the type `kubernetes.io/tls` if the record contains `tls.crt` and
/// `tls.key`, else `Opaque`. A Secret that was created empty beforehand (or with empty entries alone, as
/// `kubernetes.io/tls` requires two) counts as absent and is filled.
#[derive(Debug)]
pub struct KubeSecretStore {
    api: ApiServer,
    secrets: Resource,
    changes: Changes,
    risks: MetadataRisks,
    watches: Vec<Task>,
}

/// `MaxSecretSize` of the Kubernetes API, over all entries.
const LIMIT: usize = 1024 * 1024;
const TLS: &str = "kubernetes.io/tls";
const OPAQUE: &str = "Opaque";
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", FIELD_MANAGER);
const ABSENT: &str = "absent";

use crate::resource::FIELD_MANAGER;

impl KubeSecretStore {
    /// Uses the Secrets of `namespace`. Nothing is watched yet: [`changed`](SecretStore::changed) never resolves.
    pub fn new(api: &ApiServer, namespace: &str) -> Self {
        Self {
            api: api.clone(),
            secrets: Resource::namespaced("api/v1", "secrets", namespace),
            changes: Changes::default(),
            risks: MetadataRisks::default(),
            watches: Vec::new(),
        }
    }

    /// Notes in `risks` what other controllers do with each Secret that is read.
    #[must_use]
    pub fn noting(mut self, risks: &MetadataRisks) -> Self {
        self.risks = risks.clone();
        self
    }

    /// Watches these Secrets by name, until this store is dropped, so that [`changed`](SecretStore::changed) resolves.
    ///
    /// Only their metadata crosses the network. Must be called within a tokio runtime.
    #[must_use]
    pub fn watching<'a>(mut self, names: impl IntoIterator<Item = &'a RecordName>) -> Self {
        for name in names {
            let changes = self.changes.clone();
            let mut told = None;
            let tell = move |news: News<IgnoredAny>| {
                match news {
                    News::Present(_) | News::Gone(_) | News::Listed => changes.note(),
                    News::Listing => {}
                    News::Watching => told = None,
                    // The watch reports no changes meanwhile, so each caller reads for itself.
                    News::Trouble(fault) => {
                        tell_forbidden(&fault, &mut told);
                        tracing::debug!(?fault, "a Secret cannot be watched");
                        changes.note();
                    }
                }
                ControlFlow::Continue(())
            };
            let scope = Scope {
                name: Some(name.as_str().into()),
                labels: None,
                metadata_only: true,
                page_size: 1,
            };
            let (api, secrets) = (self.api.clone(), self.secrets.clone());
            self.watches
                .push(Task::spawn(follow(api, secrets, scope, tell)));
        }
        self
    }

    /// An independent subscription: each receiver sees every change, while [`changed`](SecretStore::changed) serves one
    /// caller.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changes.subscribe()
    }

    async fn create(&self, name: &str, record: &Record) -> Result<Revision, StoreError> {
        let (label, value) = MANAGED_BY;
        let secret = Outgoing {
            r#type: Some(type_for(record)),
            data: Encoded(record),
            metadata: Map::from_iter([
                ("name".into(), json!(name)),
                ("labels".into(), json!({ label: value })),
            ]),
            rest: Map::from_iter([
                ("apiVersion".into(), json!("v1")),
                ("kind".into(), json!("Secret")),
            ]),
        };
        let (request, needs) = self.secrets.create(&secret)?;
        match self.api.call(request, &needs).await {
            Ok(body) => revision_of(&body),
            Err(Fault::Forbidden(Needs { verb, object })) => Err(StoreError::Forbidden {
                verb: verb.into(),
                object: format!(
                    "{object}, or make an empty Secret {name} there and grant update on it"
                ),
            }),
            // The namespace is what does not exist.
            Err(Fault::Absent) => Err(StoreError::from(Fault::unavailable(format!(
                "cannot make {}: there is no such namespace",
                self.secrets.object(name)
            )))),
            Err(fault) => Err(refused(fault, record)),
        }
    }

    async fn update(
        &self,
        name: &str,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        let (request, needs) = self.secrets.get(name)?;
        let body = self.api.call(request, &needs).await?;
        if revision_of(&body)? != *seen {
            return Err(StoreError::Conflict);
        }
        let secret: Whole = serde_json::from_slice(&body).map_err(|_| not_a_secret())?;
        drop(body);
        self.check_writable(name, &secret, record)?;
        // A label of ours would change what the Secret's creator applies, and make its next apply conflict.
        let secret = Outgoing {
            r#type: secret.r#type.as_deref(),
            data: Encoded(record),
            metadata: secret.metadata,
            rest: secret.rest,
        };
        let (request, needs) = self.secrets.replace(name, &secret)?;
        match self.api.call(request, &needs).await {
            Ok(body) => revision_of(&body),
            Err(fault) => Err(refused(fault, record)),
        }
    }

    fn check_writable(
        &self,
        name: &str,
        secret: &Whole,
        record: &Record,
    ) -> Result<(), StoreError> {
        if secret.immutable == Some(true) {
            return Err(self.unreadable(name, "it is immutable; delete it, or name another Secret"));
        }
        if secret.r#type.as_deref() == Some(TLS) && type_for(record) != TLS {
            return Err(self.unreadable(
                name,
                "its type kubernetes.io/tls is not for this record and cannot be changed; delete it, or name \
                 another Secret",
            ));
        }
        Ok(())
    }

    fn check_name(&self, name: &RecordName) -> Result<(), StoreError> {
        if check_subdomain(name.as_str()).is_ok() {
            return Ok(());
        }
        Err(self.unreadable(
            name.as_str(),
            "Kubernetes has no object of such a name: lower-case letters, digits, dashes and dots only",
        ))
    }

    fn unreadable(&self, name: &str, reason: impl Into<String>) -> StoreError {
        StoreError::Unreadable {
            object: self.secrets.object(name),
            reason: reason.into(),
        }
    }
}

impl SecretStore for KubeSecretStore {
    async fn load(&self, name: &RecordName) -> Result<Stored, StoreError> {
        self.check_name(name)?;
        let (request, needs) = self.secrets.get(name.as_str())?;
        let body = match self.api.call(request, &needs).await {
            Ok(body) => body,
            Err(Fault::Absent) => {
                return Ok(Stored {
                    record: None,
                    revision: Revision::new(ABSENT),
                });
            }
            Err(fault) => return Err(fault.into()),
        };
        let revision = revision_of(&body)?;
        let secret: Incoming<'_> = serde_json::from_slice(&body).map_err(|_| not_a_secret())?;
        self.risks.note(name.as_str(), risks(&secret.metadata));
        if let Some(other) = secret
            .r#type
            .filter(|kind| ![TLS, OPAQUE, ""].contains(kind))
        {
            return Err(self.unreadable(
                name.as_str(),
                format!(
                    "its type is {other}, not {OPAQUE} or {TLS}; delete it, or name another Secret"
                ),
            ));
        }
        let record = decode(&secret)
            .map_err(|_| self.unreadable(name.as_str(), "an entry is not base64"))?;
        Ok(Stored { record, revision })
    }

    async fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        self.check_name(name)?;
        if size(record) > LIMIT {
            return Err(too_large(record));
        }
        if seen.as_str() == ABSENT {
            self.create(name.as_str(), record).await
        } else {
            self.update(name.as_str(), record, seen).await
        }
    }

    async fn changed(&self) {
        self.changes.next().await;
    }
}

/// The fields read of a Secret; its entries borrow from the answer, which is wiped.
#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(borrow)]
    r#type: Option<&'a str>,
    #[serde(borrow)]
    data: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(default)]
    metadata: Metadata,
}

/// Everything of a Secret except its entries.
#[derive(Deserialize)]
struct Whole {
    r#type: Option<String>,
    immutable: Option<bool>,
    #[serde(rename = "data")]
    _data: Option<IgnoredAny>,
    metadata: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    data: Encoded<'a>,
    metadata: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

struct Encoded<'a>(&'a Record);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.0.expose_entries();
        serializer.collect_map(entries.map(|(name, bytes)| (name, Base64(bytes))))
    }
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(self.0)))
    }
}

/// Logs once which permission is missing: without it a change is noticed late, and nothing else reports that.
fn tell_forbidden(fault: &Fault, told: &mut Option<Needs>) {
    if let Fault::Forbidden(needs) = fault
        && told.as_ref() != Some(needs)
    {
        tracing::warn!(
            "changes of a Secret are found late, by asking again and again: grant {} on {}",
            needs.verb,
            needs.object
        );
        *told = Some(needs.clone());
    }
}

#[derive(Deserialize)]
struct Identified {
    metadata: Identity,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    uid: String,
    resource_version: String,
}

fn revision_of(body: &[u8]) -> Result<Revision, StoreError> {
    let Identified {
        metadata: Identity {
            uid,
            resource_version,
        },
    } = serde_json::from_slice(body).map_err(|_| not_a_secret())?;
    Ok(Revision::new(format!("{uid}/{resource_version}")))
}

/// Decodes the record; none if every entry is empty.
fn decode(secret: &Incoming<'_>) -> Result<Option<Record>, DecodeError> {
    let mut record = Record::new();
    for (name, value) in secret.data.iter().flatten() {
        record.insert(*name, STANDARD.decode(value)?);
    }
    let has_content = record.expose_entries().any(|(_, bytes)| !bytes.is_empty());
    Ok(has_content.then_some(record))
}

fn type_for(record: &Record) -> &'static str {
    let is_tls = ["tls.crt", "tls.key"]
        .iter()
        .all(|name| record.expose(name).is_some());
    if is_tls { TLS } else { OPAQUE }
}

fn size(record: &Record) -> usize {
    record.expose_entries().map(|(_, bytes)| bytes.len()).sum()
}

fn too_large(record: &Record) -> StoreError {
    StoreError::TooLarge {
        size: size(record),
        limit: LIMIT,
    }
}

fn refused(fault: Fault, record: &Record) -> StoreError {
    match fault {
        Fault::TooLarge => too_large(record),
        fault => fault.into(),
    }
}

/// Quotes nothing of the answer: it may be secret.
fn not_a_secret() -> StoreError {
    Fault::unavailable("the answer is not a Secret").into()
}

#[cfg(test)]
mod tests;
