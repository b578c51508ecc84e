//! A thousand configurations, and three hundred definitions, beside plain concurrent patches of as many others by the same kind of
//! client.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    core::GroupVersionKind,
};
use scenarios::{Failure, Installation, PREMADE, Program};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::figure::Figures;

/// As many as the program has under way.
const AT_ONCE: usize = 32;
const LIMIT: Duration = Duration::from_secs(120);

/// What is injected.
struct Case {
    count: usize,
    /// For people.
    what: &'static str,
    kind: GroupVersionKind,
    /// Of a bundle.
    pointer: &'static str,
    flag: &'static str,
    /// An object of this name without a bundle.
    object: fn(&Installation, &str) -> Value,
}

pub(crate) async fn measure(figures: &mut Figures) -> Result<(), Failure> {
    let configurations = Case {
        count: 1000,
        what: "1,000 configurations",
        kind: GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", KIND),
        pointer: "/webhooks/0/clientConfig/caBundle",
        flag: "--validating",
        // No namespace is called like that: nothing is ever sent to it.
        object: |cluster, name| cluster.configuration(KIND, name, "nowhere"),
    };
    // Each write of a definition costs an API server more than one of a configuration.
    let definitions = Case {
        count: 300,
        what: "300 definitions",
        kind: GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
        pointer: "/spec/conversion/webhook/clientConfig/caBundle",
        flag: "--crd",
        object: definition,
    };
    configurations.measure(figures).await?;
    definitions.measure(figures).await
}

const KIND: &str = "ValidatingWebhookConfiguration";

fn definition(cluster: &Installation, name: &str) -> Value {
    let mut object = cluster.crd();
    let (plural, group) = name.split_once('.').unwrap_or_default();
    if let Some(metadata) = object.pointer_mut("/metadata/name") {
        *metadata = name.into();
    }
    if let Some(spec) = object.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.insert("group".into(), group.into());
        let names = json!({ "plural": plural, "singular": plural, "kind": plural });
        spec.insert("names".into(), names);
    }
    object
}

impl Case {
    async fn measure(&self, figures: &mut Figures) -> Result<(), Failure> {
        let cluster = Installation::new(1, PREMADE).await?;
        let kind = ApiResource::from_gvk(&self.kind);
        let api: Api<DynamicObject> = Api::all_with(cluster.admin.clone(), &kind);
        for lane in ["plain", "ours"] {
            self.create(&cluster, &api, lane).await?;
        }
        // The certificates exist, so that both lanes only write bundles.
        let keeper = flags(&cluster)?;
        once(&cluster, &keeper).await?;
        let bundle = cluster.entry("guard-tls", "ca.crt").await?;

        let version = resource_version(&api).await?;
        let ((), plain) = tokio::try_join!(
            self.plain_patches(&api, &bundle),
            self.injected(&api, "plain", &version)
        )?;

        let mut flags = keeper;
        flags.extend(
            self.names("ours")
                .map(|name| format!("{}={name}", self.flag)),
        );
        let version = resource_version(&api).await?;
        let began = Instant::now();
        let _program = Program::start("inject", "webhook-certs", &flags, cluster.folder())?;
        let ours = self.injected(&api, "ours", &version).await?;
        let from_start = ours.last - began;

        let (plain, ours) = (plain.last - plain.first, ours.last - ours.first);
        let ratio = plain.as_secs_f64() / ours.as_secs_f64();
        figures.report(
            &format!("{} injected, from the start of the process", self.what),
            format_args!("{from_start:.2?}"),
            "≤ 3 s",
        )?;
        figures.require(
            &format!(
                "{} from the first on, a second, beside plain concurrent patches",
                self.what
            ),
            format_args!("{ratio:.2} × ({ours:.2?} beside {plain:.2?})"),
            "≥ 0.8 ×",
            ratio >= 0.8,
        )?;
        Ok(())
    }

    fn names(&self, lane: &str) -> impl Iterator<Item = String> + use<'_> {
        let lane = lane.to_owned();
        (0..self.count).map(move |index| format!("{lane}{index}.example.com"))
    }
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

impl Case {
    async fn create(
        &self,
        cluster: &Installation,
        api: &Api<DynamicObject>,
        lane: &str,
    ) -> Result<(), Failure> {
        let creations = self.names(lane).map(|name| {
            let object = (self.object)(cluster, &name);
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

    async fn plain_patches(&self, api: &Api<DynamicObject>, bundle: &[u8]) -> Result<(), Failure> {
        let value = STANDARD.encode(bundle);
        let patch: json_patch::Patch = serde_json::from_value(json!([
            { "op": "add", "path": self.pointer, "value": value },
        ]))?;
        let patch = Patch::Json::<()>(patch);
        let params = PatchParams::default();
        let patches = self.names("plain").map(|name| {
            let (patch, params) = (&patch, &params);
            async move { api.patch(&name, params, patch).await.map(drop) }
        });
        let done = stream::iter(patches).buffer_unordered(AT_ONCE);
        Ok(done.try_collect::<()>().await?)
    }

    /// By one watch, so that the onlooker costs the API server little, and each lane the same.
    async fn injected(
        &self,
        api: &Api<DynamicObject>,
        lane: &str,
        since: &str,
    ) -> Result<Injected, Failure> {
        timeout(LIMIT, self.watch(api, lane, since)).await?
    }

    async fn watch(
        &self,
        api: &Api<DynamicObject>,
        lane: &str,
        since: &str,
    ) -> Result<Injected, Failure> {
        let mut first = None;
        let mut missing: BTreeSet<String> = self.names(lane).collect();
        let events = api.watch(&WatchParams::default(), since).await?;
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.try_next().await? {
            let WatchEvent::Modified(object) = event else {
                continue;
            };
            let bundle = object.data.pointer(self.pointer);
            if bundle.is_some()
                && missing.remove(object.metadata.name.as_deref().unwrap_or_default())
            {
                let last = Instant::now();
                let first = *first.get_or_insert(last);
                if missing.is_empty() {
                    return Ok(Injected { first, last });
                }
            }
        }
        Err("the watch ended before all were injected".into())
    }
}

/// When the first and the last of a lane were seen to have a bundle.
struct Injected {
    first: Instant,
    last: Instant,
}

async fn resource_version(api: &Api<DynamicObject>) -> Result<String, Failure> {
    let list = api.list(&kube::api::ListParams::default().limit(1)).await?;
    Ok(list.metadata.resource_version.unwrap_or_default())
}
