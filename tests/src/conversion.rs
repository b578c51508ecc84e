//! An older version of a kind, read and written through CA rotations.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
    runtime::watcher::{self, watcher},
};
use serde_json::json;
use tokio::time::timeout;

use crate::{Failure, active_generation};

const LIMIT: Duration = Duration::from_secs(300);

/// Changes the `Etcd` `name` in v1alpha1, one change after the other, with a watch on that version open, until `authority` has
/// promoted this many generations: each is converted for each. Answers how many changes there were and how many were watched.
///
/// # Errors
///
/// A change is refused, the watch ends, or nothing rotates.
pub async fn converted_through_rotations(
    client: &Client,
    (namespace, name): (&str, &str),
    authority: (&str, &str),
    rotations: u64,
) -> Result<(u32, u32), Failure> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("db.example.com", "v1alpha1", "Etcd"));
    let etcds: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
    let until = active_generation(client, authority).await? + rotations;
    let mut watched = watcher(etcds.clone(), watcher::Config::default()).boxed();
    let (mut writes, mut seen) = (0_u32, 0_u32);
    let rotating = async {
        while active_generation(client, authority).await? < until {
            writes += 1;
            let note =
                json!({ "metadata": { "annotations": { "example.com/n": writes.to_string() } } });
            let params = PatchParams::default();
            etcds.patch(name, &params, &Patch::Merge(note)).await?;
        }
        Ok::<_, Failure>(())
    };
    let watching = async {
        while let Some(event) = watched.try_next().await? {
            if matches!(event, watcher::Event::Apply(_)) {
                seen += 1;
            }
        }
        Err::<(), Failure>("the watch ended".into())
    };
    timeout(LIMIT, async {
        tokio::select! {
            outcome = rotating => outcome,
            outcome = watching => outcome,
        }
    })
    .await??;
    Ok((writes, seen))
}
