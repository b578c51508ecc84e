//! Brings a changed Secret at once to the pods that mount it.
//!
//! A kubelet reads the Secrets of a pod about once a minute, and whenever the pod's object changes
//! (<https://kubernetes.io/docs/tasks/inject-data-application/distribute-credentials-secure/>). So writing an
//! annotation is enough. No safety rests on it: without it the kubelet comes later.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use http::StatusCode;
use rotator_core::{Duty, RecordName};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    api_server::ApiServer,
    backoff::Backoff,
    fault::{AFTER_REFUSAL, Fault},
    resource::{Resource, Scope},
    watch::{News, list},
};

mod pod;
#[cfg(test)]
mod tests;

use pod::{ANNOTATION, Pod, mark};

/// Writes an annotation on pods whenever a Secret that they mount changed.
///
/// A label selector says which pods. Writes to at most ten pods a second, and begins at most one round in ten seconds;
/// skips a pod that any replica has touched for the Secrets' current revisions.
#[derive(Debug)]
pub struct PodNudger {
    api: ApiServer,
    secrets: Resource,
    pods: Resource,
    selector: String,
    names: Vec<String>,
}

const BETWEEN_PODS: Duration = Duration::from_millis(100);
const BETWEEN_ROUNDS: Duration = Duration::from_secs(10);
const BEFORE_BELIEVED: Duration = Duration::from_secs(5);
const PAGE_SIZE: u32 = 100;

impl PodNudger {
    /// Selects the pods of `namespace` by `selector` (`app=guard`), and the Secrets of these records.
    pub fn new<'a>(
        api: &ApiServer,
        namespace: &str,
        selector: &str,
        records: impl IntoIterator<Item = &'a RecordName>,
    ) -> Self {
        let names = records.into_iter().map(|name| name.as_str().to_owned());
        Self {
            api: api.clone(),
            secrets: Resource::namespaced("api/v1", "secrets", namespace),
            pods: Resource::namespaced("api/v1", "pods", namespace),
            selector: selector.into(),
            names: names.collect(),
        }
    }

    /// Runs a round whenever `changes` reports a change and this replica leads. Until dropped.
    pub async fn run(&self, mut changes: watch::Receiver<u64>, mut duty: watch::Receiver<Duty>) {
        let mut backoff = Backoff::default();
        let (mut told, mut was_refused) = (None, false);
        loop {
            changes.mark_unchanged();
            if *duty.borrow_and_update() == Duty::Lead {
                match self.round().await {
                    Ok(touched) => {
                        backoff.reset();
                        (told, was_refused) = (None, false);
                        if touched > 0 {
                            tracing::info!(
                                touched,
                                "pods told to look at their serving Secret at once"
                            );
                        }
                        tokio::time::sleep(BETWEEN_ROUNDS).await;
                    }
                    // As with a missing permission, only a repeated refusal counts.
                    Err(Fault::Refused(answer)) if !std::mem::replace(&mut was_refused, true) => {
                        tracing::debug!(%answer, "pods were not touched");
                        tokio::time::sleep(BEFORE_BELIEVED).await;
                        continue;
                    }
                    Err(fault) => {
                        let wait = tell(&fault, &mut told)
                            .unwrap_or_else(|| backoff.after_failure(fault.retry_after()));
                        tokio::time::sleep(wait).await;
                        continue;
                    }
                }
            }
            let is_over = tokio::select! {
                changed = changes.changed() => changed.is_err(),
                changed = duty.changed() => changed.is_err(),
            };
            if is_over {
                // Every sender is gone: no change can follow.
                return std::future::pending().await;
            }
        }
    }

    /// Touches every pod that has not been touched for the Secrets' current revisions; returns how many.
    async fn round(&self) -> Result<usize, Fault> {
        let versions = self.versions().await?;
        if versions.is_empty() {
            return Ok(0);
        }
        let scope = Scope {
            name: None,
            labels: Some(self.selector.clone()),
            metadata_only: false,
            page_size: PAGE_SIZE,
        };
        let mut due = Vec::new();
        let mut look = |news: News<Pod>| {
            if let News::Present(pod) = news
                && let Some(mark) = mark(&pod, &versions)
            {
                due.push((pod.metadata, mark));
            }
            ControlFlow::Continue(())
        };
        // `look` never breaks.
        let _ = list(&self.api, &self.pods, &scope, &mut look).await?;
        let mut touched = 0;
        let mut refused = None;
        for (position, (pod, mark)) in due.into_iter().enumerate() {
            if position > 0 {
                tokio::time::sleep(BETWEEN_PODS).await;
            }
            let patch =
                json!({ "metadata": { "uid": pod.uid, "annotations": { ANNOTATION: mark } } });
            match self.patch(&pod.name, &patch).await {
                Ok(()) => touched += 1,
                // The pod ended, and another may have its name: that one has the new Secret from the start.
                Err(Fault::Absent | Fault::Conflict) => {}
                Err(Fault::Refused(answer))
                    if answer.status == StatusCode::UNPROCESSABLE_ENTITY => {}
                // An admission webhook or policy refuses this pod, and perhaps not the others.
                Err(Fault::Refused(answer)) => refused = refused.or(Some((pod.name, answer))),
                Err(fault) => return Err(fault),
            }
        }
        if let Some((pod, answer)) = refused {
            tracing::warn!(
                "pod {pod} may not be told to look at once, a kubelet comes within two minutes: {answer}"
            );
        }
        Ok(touched)
    }

    async fn patch(&self, name: &str, patch: &Value) -> Result<(), Fault> {
        let (request, needs) = self.pods.merge_patch(name, patch)?;
        self.api.call(request, &needs).await.map(drop)
    }

    /// Returns the revisions of the Secrets that exist, without reading their contents.
    async fn versions(&self) -> Result<BTreeMap<String, String>, Fault> {
        let mut versions = BTreeMap::new();
        for name in &self.names {
            let (request, needs) = self.secrets.get_metadata(name)?;
            let body = match self.api.call(request, &needs).await {
                Ok(body) => body,
                Err(Fault::Absent) => continue,
                Err(fault) => return Err(fault),
            };
            let object: Value = serde_json::from_slice(&body).map_err(Fault::unavailable)?;
            let revision = object.pointer("/metadata/resourceVersion");
            if let Some(revision) = revision.and_then(Value::as_str) {
                versions.insert(name.clone(), revision.to_owned());
            }
        }
        Ok(versions)
    }
}

/// Logs once what only the administrator can solve, and returns how long to wait before retrying.
fn tell(fault: &Fault, told: &mut Option<String>) -> Option<Duration> {
    let advice = match fault {
        Fault::Forbidden(needs) => format!("grant {} on {}", needs.verb, needs.object),
        Fault::Refused(answer) => format!("is the label selector of --nudge-pods right? {answer}"),
        _ => {
            tracing::debug!(?fault, "pods were not touched");
            return None;
        }
    };
    if told.as_ref() != Some(&advice) {
        tracing::warn!(
            "pods are not told to look at once, a kubelet comes within two minutes: {advice}"
        );
        *told = Some(advice);
    }
    Some(AFTER_REFUSAL)
}
