//! The API server and its etcd: Secrets and targets, each write a compare-and-swap with a new revision.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rotator_core::RecordName;
use serde_json::{Value, json};
use webhook_inject::TargetKind;

/// The content of a Secret.
pub(crate) type Entries = Arc<BTreeMap<String, Vec<u8>>>;

/// A record of one installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SecretId {
    Authority { installation: usize },
    Serving { installation: usize, record: usize },
}

impl SecretId {
    pub(crate) fn name(self) -> RecordName {
        match self {
            Self::Authority { installation } => RecordName::new(format!("guard-{installation}-ca")),
            Self::Serving {
                installation,
                record,
            } => RecordName::new(format!("guard-{installation}-tls-{record}")),
        }
    }
}

/// Whose write it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    Controller(usize),
    /// Somebody else: an administrator, a chart, a backup.
    Foreign,
    /// Somebody hostile, who has one right.
    Attacker,
}

/// One write, for the judge.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) content: Content,
    pub(crate) by: Writer,
    /// The revision of the cluster when the writer began to read.
    pub(crate) since: u64,
    pub(crate) revision: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Secret(SecretId, Option<Entries>),
    Target(usize, Option<Arc<Value>>),
}

#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) revision: u64,
    secrets: BTreeMap<SecretId, Stored>,
    pub(crate) targets: Vec<Target>,
    /// Secrets that nobody may write, targets that nobody may read or write.
    pub(crate) forbidden_secrets: BTreeSet<SecretId>,
    pub(crate) forbidden_targets: BTreeSet<usize>,
    /// Writes that the judge has not seen yet.
    pub(crate) changes: Vec<Change>,
    pub(crate) reads: u64,
    /// How many calls did not simply succeed, by what became of them.
    pub(crate) fates: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) entries: Option<Entries>,
    pub(crate) revision: u64,
}

/// A target in every version it ever had.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) kind: TargetKind,
    pub(crate) name: String,
    pub(crate) current: Option<Arc<Value>>,
    /// The bundle of its first entry, in each version that had one.
    pub(crate) bundles: Vec<Vec<u8>>,
    created: u64,
}

/// Why the API server did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Conflict,
    NotFound,
    Forbidden,
}

impl Cluster {
    pub(crate) fn secret(&self, id: SecretId) -> Stored {
        self.secrets.get(&id).cloned().unwrap_or_default()
    }

    /// Writes if the Secret still has the revision `seen`.
    pub(crate) fn save(
        &mut self,
        id: SecretId,
        entries: Entries,
        seen: u64,
        (by, since): (Writer, u64),
    ) -> Result<u64, Refusal> {
        if self.forbidden_secrets.contains(&id) {
            return Err(Refusal::Forbidden);
        }
        if self.secret(id).revision != seen {
            return Err(Refusal::Conflict);
        }
        self.put(id, Some(entries), (by, since));
        Ok(self.revision)
    }

    /// Writes whatever stands there.
    pub(crate) fn put(
        &mut self,
        id: SecretId,
        entries: Option<Entries>,
        (by, since): (Writer, u64),
    ) {
        self.revision += 1;
        let stored = Stored {
            entries: entries.clone(),
            revision: self.revision,
        };
        self.secrets.insert(id, stored);
        self.note(Content::Secret(id, entries), by, since);
    }

    pub(crate) fn add_target(&mut self, kind: TargetKind) {
        let name = format!("guard-{}", self.targets.len());
        self.targets.push(Target {
            kind,
            name,
            current: None,
            bundles: Vec::new(),
            created: 0,
        });
    }

    /// Makes the target anew, with these bytes in each of its entries; none: without the field.
    pub(crate) fn create_target(&mut self, index: usize, bundle: Option<&[u8]>) {
        let target = &mut self.targets[index];
        target.created += 1;
        let mut object = object(target);
        fill(target.kind, &mut object, bundle);
        self.put_target(index, Some(object), (Writer::Foreign, self.revision));
    }

    pub(crate) fn delete_target(&mut self, index: usize) {
        if self.targets[index].current.is_some() {
            self.put_target(index, None, (Writer::Foreign, self.revision));
        }
    }

    /// Somebody else writes these bytes into each entry.
    pub(crate) fn overwrite_target(&mut self, index: usize, bundle: Option<&[u8]>, by: Writer) {
        let target = &self.targets[index];
        if let Some(current) = &target.current {
            let mut object = Value::clone(current);
            fill(target.kind, &mut object, bundle);
            self.put_target(index, Some(object), (by, self.revision));
        }
    }

    /// A JSON patch, as a controller sends it.
    pub(crate) fn patch(
        &mut self,
        index: usize,
        patch: &Value,
        writer: (Writer, u64),
    ) -> Result<Arc<Value>, Refusal> {
        if self.forbidden_targets.contains(&index) {
            return Err(Refusal::Forbidden);
        }
        let current = self.targets[index].current.as_ref();
        let mut object = Value::clone(current.ok_or(Refusal::NotFound)?);
        let patch: json_patch::Patch =
            serde_json::from_value(patch.clone()).expect("webhook-inject writes JSON patches");
        json_patch::patch(&mut object, &patch).map_err(|_| Refusal::Conflict)?;
        self.put_target(index, Some(object), writer);
        Ok(Arc::clone(
            self.targets[index].current.as_ref().expect("just written"),
        ))
    }

    fn put_target(&mut self, index: usize, object: Option<Value>, (by, since): (Writer, u64)) {
        self.revision += 1;
        let object = object.map(|mut object| {
            object["metadata"]["resourceVersion"] = Value::from(self.revision.to_string());
            Arc::new(object)
        });
        let target = &mut self.targets[index];
        target.current.clone_from(&object);
        if let Some(object) = &object {
            target
                .bundles
                .push(bundle_at(object, places(target.kind)[0]));
        }
        self.note(Content::Target(index, object), by, since);
    }

    fn note(&mut self, content: Content, by: Writer, since: u64) {
        self.changes.push(Change {
            content,
            by,
            since,
            revision: self.revision,
        });
    }
}

/// Two entries of ours and one of somebody else, where a kind has several.
fn object(target: &Target) -> Value {
    let service = json!({ "namespace": "guard-system", "name": "guard" });
    let other = json!({ "namespace": "other", "name": "other" });
    let metadata = json!({
        "name": target.name,
        "uid": format!("{}-{}", target.name, target.created),
        "resourceVersion": "0",
    });
    match target.kind {
        TargetKind::ValidatingWebhookConfiguration | TargetKind::MutatingWebhookConfiguration => {
            json!({ "metadata": metadata, "webhooks": [
                { "name": "pods.guard", "clientConfig": { "service": service } },
                { "name": "other", "clientConfig": { "service": other } },
                { "name": "jobs.guard", "clientConfig": { "service": service } },
            ]})
        }
        TargetKind::CustomResourceDefinition => json!({ "metadata": metadata, "spec": {
            "conversion": { "strategy": "Webhook", "webhook": { "clientConfig": { "service": service } } },
        }}),
        TargetKind::ApiService => {
            json!({ "metadata": metadata, "spec": { "service": service } })
        }
        TargetKind::Provider => {
            json!({ "metadata": metadata, "spec": { "url": "https://guard.guard-system.svc" } })
        }
    }
}

/// The places of our entries' bundles.
pub(crate) fn places(kind: TargetKind) -> &'static [&'static str] {
    match kind {
        TargetKind::ValidatingWebhookConfiguration | TargetKind::MutatingWebhookConfiguration => {
            &["/webhooks/0/clientConfig", "/webhooks/2/clientConfig"]
        }
        TargetKind::CustomResourceDefinition => &["/spec/conversion/webhook/clientConfig"],
        TargetKind::ApiService | TargetKind::Provider => &["/spec"],
    }
}

/// A caBundle; empty if there is none.
pub(crate) fn bundle_at(object: &Value, place: &str) -> Vec<u8> {
    let text = object
        .pointer(place)
        .and_then(|holder| holder.get("caBundle"))
        .and_then(Value::as_str);
    text.and_then(|text| STANDARD.decode(text).ok())
        .unwrap_or_default()
}

fn fill(kind: TargetKind, object: &mut Value, bundle: Option<&[u8]>) {
    for place in places(kind) {
        let holder = object.pointer_mut(place).expect("made by `object`");
        let holder = holder.as_object_mut().expect("made by `object`");
        match bundle {
            None => holder.remove("caBundle"),
            Some(bytes) => holder.insert("caBundle".to_owned(), STANDARD.encode(bytes).into()),
        };
    }
}
