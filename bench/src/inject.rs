//! A thousand configurations, beside plain concurrent patches of a thousand others by the same kind of client.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use scenarios::{Failure, Installation, PREMADE, Program};
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::figure::Figures;

const COUNT: usize = 1000;
/// As many as the program has under way.
const AT_ONCE: usize = 32;
const KIND: &str = "ValidatingWebhookConfiguration";
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) async fn measure(figures: &mut Figures) -> Result<(), Failure> {
    let cluster = Installation::new(1, PREMADE).await?;
    let api = cluster.configurations(KIND);
    for lane in ["plain", "ours"] {
        create(&cluster, &api, lane).await?;
    }
    // The certificates exist, so that both lanes only write bundles.
    let keeper = flags(&cluster)?;
    once(&cluster, &keeper).await?;
    let bundle = cluster.entry("guard-tls", "ca.crt").await?;

    let version = resource_version(&api).await?;
    let ((), plain) = tokio::try_join!(
        plain_patches(&api, &bundle),
        injected(&api, "plain", &version)
    )?;

    let mut flags = keeper;
    flags.extend(names("ours").map(|name| format!("--validating={name}")));
    let version = resource_version(&api).await?;
    let began = Instant::now();
    let _program = Program::start("inject", "webhook-certs", &flags, cluster.folder())?;
    let ours = injected(&api, "ours", &version).await?;
    let from_start = ours.last - began;

    let (plain, ours) = (plain.last - plain.first, ours.last - ours.first);
    let ratio = plain.as_secs_f64() / ours.as_secs_f64();
    figures.report(
        "1,000 configurations injected, from the start of the process",
        format_args!("{from_start:.2?}"),
        "≤ 3 s",
    )?;
    figures.require(
        "the same from the first on, in configurations a second, beside plain concurrent patches",
        format_args!("{ratio:.2} × ({ours:.2?} beside {plain:.2?})"),
        "≥ 0.8 ×",
        ratio >= 0.8,
    )?;
    Ok(())
}

fn names(lane: &str) -> impl Iterator<Item = String> + use<'_> {
    (0..COUNT).map(move |index| format!("{lane}-{index}.example.com"))
}

/// The rights of `deploy/` are for a few objects by name.
fn flags(cluster: &Installation) -> Result<Vec<String>, Failure> {
    let kubeconfig = cluster.folder().join("admin");
    cluster.control_plane.admin_kubeconfig(&kubeconfig)?;
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let words = [
        "run",
        "--namespace=guard-system",
        "--service=guard",
        &kubeconfig,
    ];
    Ok(words.map(str::to_owned).into())
}

async fn once(cluster: &Installation, flags: &[String]) -> Result<(), Failure> {
    let mut flags = flags.to_vec();
    flags.push("--once".into());
    let mut program = Program::start("once", "webhook-certs", &flags, cluster.folder())?;
    let ended = program.end().await?;
    if ended.success() {
        Ok(())
    } else {
        Err(program.log()?.into())
    }
}

async fn create(
    cluster: &Installation,
    api: &Api<DynamicObject>,
    lane: &str,
) -> Result<(), Failure> {
    let creations = names(lane).map(|name| {
        // No namespace is called like that: nothing is ever sent to it.
        let object = cluster.configuration(KIND, &name, "nowhere");
        async move {
            let object: DynamicObject = serde_json::from_value(object)?;
            api.create(&PostParams::default(), &object).await?;
            Ok::<(), Failure>(())
        }
    });
    stream::iter(creations)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
}

async fn plain_patches(api: &Api<DynamicObject>, bundle: &[u8]) -> Result<(), Failure> {
    let value = STANDARD.encode(bundle);
    let patch: json_patch::Patch = serde_json::from_value(json!([
        { "op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": value },
    ]))?;
    let patch = Patch::Json::<()>(patch);
    let params = PatchParams::default();
    let patches = names("plain").map(|name| {
        let (patch, params) = (&patch, &params);
        async move { api.patch(&name, params, patch).await.map(drop) }
    });
    let done = stream::iter(patches).buffer_unordered(AT_ONCE);
    Ok(done.try_collect::<()>().await?)
}

async fn resource_version(api: &Api<DynamicObject>) -> Result<String, Failure> {
    let list = api.list(&kube::api::ListParams::default().limit(1)).await?;
    Ok(list.metadata.resource_version.unwrap_or_default())
}

/// When the first and the last of a lane were seen to have a bundle.
struct Injected {
    first: Instant,
    last: Instant,
}

/// By one watch, so that the onlooker costs the API server little, and each lane the same.
async fn injected(api: &Api<DynamicObject>, lane: &str, since: &str) -> Result<Injected, Failure> {
    timeout(LIMIT, watch(api, lane, since)).await?
}

async fn watch(api: &Api<DynamicObject>, lane: &str, since: &str) -> Result<Injected, Failure> {
    let mut first = None;
    let mut missing: BTreeSet<String> = names(lane).collect();
    let events = api.watch(&WatchParams::default(), since).await?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.try_next().await? {
        let WatchEvent::Modified(object) = event else {
            continue;
        };
        let bundle = object.data.pointer("/webhooks/0/clientConfig/caBundle");
        if bundle.is_some() && missing.remove(object.metadata.name.as_deref().unwrap_or_default()) {
            let last = Instant::now();
            let first = *first.get_or_insert(last);
            if missing.is_empty() {
                return Ok(Injected { first, last });
            }
        }
    }
    Err("the watch ended before all were injected".into())
}
