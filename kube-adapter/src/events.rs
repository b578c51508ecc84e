//! Kubernetes Events (`events.k8s.io/v1`) for the administrator: best effort, few, and never blocking.

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

/// What one Event says. It must contain no secret: more people may read Events than Secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct Note {
    /// Whether the administrator should act.
    pub severity: Severity,
    /// One word for what happened: `CertificateIssued`.
    pub reason: &'static str,
    /// The name of the Secret that it concerns.
    pub secret: String,
    /// The target that it concerns as well, if any.
    pub related: Option<TargetRef>,
    /// The message, one sentence.
    pub text: String,
}

/// Whether the administrator should act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "Kubernetes knows these two")]
pub enum Severity {
    /// Nothing to do.
    Normal,
    /// The administrator should look.
    Warning,
}

/// Writes Events about the Secrets of one namespace, into that namespace, from its own task.
///
/// Writes the same Event at most once a minute, and at most 16 of one reason about one object in that time; drops what
/// exceeds that or cannot be written. Where Events are forbidden, logs that once and retries those of the last minutes
/// at least once a minute: the administrator may grant the permission later. Dropping this ends the task.
#[derive(Debug)]
pub struct EventWriter {
    queue: mpsc::Sender<Happened>,
    finishing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// A note, and when the caller handed it over.
#[derive(Debug)]
struct Happened {
    note: Note,
    at: Instant,
}

/// How many notes may wait to be written; more are dropped.
const QUEUE: usize = 64;
/// How long to wait between two Events that say the same.
const PAUSE: Duration = Duration::from_secs(60);
/// How many Events of one reason about one object are written meanwhile: as many as an entry keeps foreign
/// certificates.
const OF_ONE_KIND: usize = 16;
const TRIES: usize = 3;
/// The back-off while Events are forbidden: doubles from the first to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long to retry an Event that is refused before dropping it.
const KEPT: Duration = Duration::from_secs(300);

impl EventWriter {
    /// Starts the task.
    ///
    /// `instance` distinguishes replicas, for example by the pod's name. Must be called within a tokio runtime.
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

    /// Queues this to be written soon, or drops it if the queue is full.
    pub fn write(&self, note: Note) {
        let at = Instant::now();
        if let Err(error) = self.queue.try_send(Happened { note, at }) {
            tracing::debug!(%error, "an Event was dropped");
        }
    }

    /// Closes the queue, and resolves when its notes are written or given up. What was forbidden is tried once more.
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

/// The API allows 128 bytes for `reportingInstance` and `reason`, and 1024 for a note
/// (<https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>).
const INSTANCE_LIMIT: usize = 100;
const NOTE_LIMIT: usize = 1000;
/// The API allows 253 bytes for a name, and ours end in a tag.
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
                    // The API server would refuse the others as well.
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
                // An earlier try succeeded, but its answer was lost.
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

    /// Reads the Secret's uid, by which `kubectl describe` finds Events.
    ///
    /// Only metadata is read, and a refusal is ignored.
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

    /// Reports only from the second refusal on: an API server that has just started refuses what it permits soon after.
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

    /// Waits until the next try; not at all if nothing was refused, or when finishing.
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

/// The Secret's name and a tag that makes the Event's name unique.
fn name(secret: &str, tag: &[u8]) -> String {
    use std::fmt::Write;

    let stem: String = secret.chars().take(NAME_LIMIT).collect();
    let mut name = format!("{}.", stem.trim_end_matches(['.', '-']));
    for byte in tag.iter().take(8) {
        // Writing to a `String` cannot fail.
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

/// When each Event was last written, by reason and objects.
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
