//! Events (`events.k8s.io/v1`) for whoever is on call: best effort, few, and never in the way.

use std::{collections::BTreeMap, time::Duration};

use rotator_core::{Entropy, TargetRef};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};
use webhook_inject::TargetKind;

use crate::{
    api_server::ApiServer,
    backoff::Backoff,
    entropy::SystemEntropy,
    fault::{Fault, Needs},
    resource::{FIELD_MANAGER, Resource},
};

/// What one Event says. Nothing secret belongs in it: more people may read Events than Secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever tells something must say all of it"
)]
pub struct Note {
    /// Whether somebody should look.
    pub severity: Severity,
    /// One word for the kind of thing that happened: `CertificateIssued`.
    pub reason: &'static str,
    /// The Secret that it concerns.
    pub secret: String,
    /// The target that it concerns besides.
    pub related: Option<TargetRef>,
    /// One sentence.
    pub text: String,
}

/// Whether somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "Kubernetes knows these two")]
pub enum Severity {
    /// All is well.
    Normal,
    /// Somebody should look.
    Warning,
}

/// Writes Events about Secrets of one namespace, into that namespace, from a task of its own.
///
/// The same is written at most once in a minute, and of one kind about one thing no more than 16; what comes too fast, or
/// cannot be written, is dropped. Where Events are forbidden the log says so once, and those of the last minutes are tried again
/// at least once a minute: the permission may come later than this process. The task ends with this.
#[derive(Debug)]
pub struct EventWriter {
    queue: mpsc::Sender<Happened>,
    finishing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// A note, and when it was handed over.
#[derive(Debug)]
struct Happened {
    note: Note,
    at: Instant,
}

/// More than this do not wait to be written.
const QUEUE: usize = 64;
/// Between two Events that say the same.
const PAUSE: Duration = Duration::from_secs(60);
/// How many of one kind about one thing are written meanwhile: as many foreign certificates as an entry keeps.
const OF_ONE_KIND: usize = 16;
const TRIES: usize = 3;
/// Between two tries of what is forbidden: doubled from the first to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// An Event that was refused for so long is dropped.
const KEPT: Duration = Duration::from_secs(300);

impl EventWriter {
    /// `instance` tells replicas apart: the pod's name, for example. Must be called within a tokio runtime.
    pub fn new(api: &ApiServer, namespace: &str, instance: &str) -> Self {
        let (queue, notes) = mpsc::channel(QUEUE);
        let desk = Desk {
            api: api.clone(),
            events: Resource::namespaced("apis/events.k8s.io/v1", "events", namespace),
            secrets: Resource::namespaced("api/v1", "secrets", namespace),
            namespace: namespace.into(),
            instance: instance.chars().take(INSTANCE_LIMIT).collect(),
        };
        let finishing = watch::Sender::new(false);
        Self {
            queue,
            task: tokio::spawn(desk.write_all(notes, finishing.subscribe())),
            finishing,
        }
    }

    /// Has this written some time soon, if it can be.
    pub fn write(&self, note: Note) {
        let at = Instant::now();
        if let Err(error) = self.queue.try_send(Happened { note, at }) {
            tracing::debug!(%error, "an Event was dropped");
        }
    }

    /// Takes no more, and resolves when what was taken is written or given up. What was forbidden is tried once more.
    pub async fn finish(mut self) {
        let (closed, _) = mpsc::channel(1);
        self.queue = closed;
        self.finishing.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::debug!(%error, "Events were not finished");
        }
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `reportingInstance` and `reason` have at most 128 bytes, a note 1024
/// (<https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>).
const INSTANCE_LIMIT: usize = 100;
const NOTE_LIMIT: usize = 1000;
/// A name has at most 253, and ours end in a tag.
const NAME_LIMIT: usize = 230;

struct Desk {
    api: ApiServer,
    events: Resource,
    secrets: Resource,
    namespace: String,
    instance: String,
}

impl Desk {
    async fn write_all(
        self,
        mut notes: mpsc::Receiver<Happened>,
        mut finishing: watch::Receiver<bool>,
    ) {
        let mut pace = Pace::default();
        let mut refusals = Refusals::default();
        while let Some(happened) = notes.recv().await {
            if !pace.allows(&happened.note, self.api.listener().elapsed()) {
                continue;
            }
            while !(refusals.is_refused() && happened.is_old()) {
                refusals.pause(&mut finishing).await;
                match self.write(&happened).await {
                    Err(Fault::Forbidden(needs)) => refusals.refused(needs),
                    outcome => {
                        refusals = Refusals::default();
                        if let Err(fault) = outcome {
                            let reason = happened.note.reason;
                            tracing::debug!(?fault, reason, "an Event was dropped");
                        }
                        break;
                    }
                }
                if *finishing.borrow() {
                    // The others would be refused as well.
                    refusals.tell();
                    return;
                }
            }
        }
    }

    async fn write(&self, happened: &Happened) -> Result<(), Fault> {
        let tag = SystemEntropy::new().serial().map_err(Fault::unavailable)?;
        let uid = self.uid(&happened.note.secret).await;
        let event = self.event(happened, uid, tag.as_bytes());
        let mut backoff = Backoff::default();
        for _ in 1..TRIES {
            match self.create(&event).await {
                Err(fault @ (Fault::Unavailable { .. } | Fault::RefusedOnce { .. })) => {
                    tokio::time::sleep(backoff.after_failure(fault.retry_after())).await;
                }
                // An earlier try was done, and its answer lost.
                Err(Fault::Conflict) => return Ok(()),
                outcome => return outcome,
            }
        }
        self.create(&event).await
    }

    async fn create(&self, event: &Value) -> Result<(), Fault> {
        let (request, needs) = self.events.create(event)?;
        self.api.call(request, &needs).await.map(drop)
    }

    /// `kubectl describe` finds Events by it. Of the Secret only the metadata is read, and that may be refused.
    async fn uid(&self, secret: &str) -> Option<String> {
        let (request, needs) = self.secrets.get_metadata(secret).ok()?;
        let body = self.api.call(request, &needs).await.ok()?;
        let object: Value = serde_json::from_slice(&body).ok()?;
        Some(object.pointer("/metadata/uid")?.as_str()?.to_owned())
    }

    fn event(&self, happened: &Happened, uid: Option<String>, tag: &[u8]) -> Value {
        let Happened { note, at } = happened;
        let mut regarding = json!({
            "apiVersion": "v1", "kind": "Secret", "namespace": self.namespace, "name": note.secret,
        });
        if let (Some(regarding), Some(uid)) = (regarding.as_object_mut(), uid) {
            regarding.insert("uid".into(), uid.into());
        }
        json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": { "name": name(&note.secret, tag), "namespace": self.namespace },
            "eventTime": self.api.listener().micro_time_before(at.elapsed()),
            "reportingController": FIELD_MANAGER,
            "reportingInstance": self.instance,
            "action": "KeepCertificates",
            "reason": note.reason,
            "type": match note.severity {
                Severity::Normal => "Normal",
                Severity::Warning => "Warning",
            },
            "note": shorten(&note.text),
            "regarding": regarding,
            "related": note.related.as_ref().map(reference),
        })
    }
}

impl Happened {
    fn is_old(&self) -> bool {
        self.at.elapsed() >= KEPT
    }
}

/// The refusals since the last Event that was written.
#[derive(Debug, Default)]
struct Refusals {
    count: u32,
    last: Option<(Needs, Instant)>,
    told: bool,
}

impl Refusals {
    fn is_refused(&self) -> bool {
        self.last.is_some()
    }

    /// One answer accuses no administrator: an API server that has just started refuses what it permits soon after.
    fn refused(&mut self, needs: Needs) {
        self.count = self.count.saturating_add(1);
        self.last = Some((needs, Instant::now()));
        if self.count > 1 {
            self.tell();
        }
    }

    fn tell(&mut self) {
        let Some((needs, _)) = &self.last else {
            return;
        };
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(
                "no Events are written, the log says the same: grant {} on {}",
                needs.verb,
                needs.object
            );
        }
    }

    /// Until the next try; not at all if nothing was refused, or when it is the last.
    async fn pause(&self, finishing: &mut watch::Receiver<bool>) {
        let Some((_, at)) = &self.last else { return };
        let doublings = self.count.saturating_sub(1).min(8);
        let wait = FIRST_RETRY
            .saturating_mul(1 << doublings)
            .min(LONGEST_RETRY);
        tokio::select! {
            () = tokio::time::sleep_until(*at + wait) => {}
            _ = finishing.wait_for(|finishing| *finishing) => {}
        }
    }
}

fn reference(target: &TargetRef) -> Value {
    let group_version = target.kind().parse().map(TargetKind::group_version);
    json!({
        "apiVersion": group_version.unwrap_or_default(),
        "kind": target.kind(),
        "name": target.name(),
    })
}

/// The Secret's name and a tag that no other Event has.
fn name(secret: &str, tag: &[u8]) -> String {
    use std::fmt::Write;

    let stem: String = secret.chars().take(NAME_LIMIT).collect();
    let mut name = format!("{}.", stem.trim_end_matches(['.', '-']));
    for byte in tag.iter().take(8) {
        // A `String` takes everything.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn shorten(text: &str) -> String {
    if text.len() <= NOTE_LIMIT {
        return text.into();
    }
    let mut short = String::new();
    for next in text.chars() {
        if short.len() + next.len_utf8() > NOTE_LIMIT {
            break;
        }
        short.push(next);
    }
    short.push('…');
    short
}

/// When each Event of each kind about each thing was written last.
#[derive(Debug, Default)]
struct Pace {
    last: BTreeMap<(&'static str, String, Option<TargetRef>), BTreeMap<String, Duration>>,
}

impl Pace {
    fn allows(&mut self, note: &Note, now: Duration) -> bool {
        self.last.retain(|_, texts| {
            texts.retain(|_, at| now.saturating_sub(*at) < PAUSE);
            !texts.is_empty()
        });
        let key = (note.reason, note.secret.clone(), note.related.clone());
        let texts = self.last.entry(key).or_default();
        let is_due = texts.len() < OF_ONE_KIND && !texts.contains_key(&note.text);
        if is_due {
            texts.insert(note.text.clone(), now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests;
