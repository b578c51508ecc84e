//! The fields read of a pod, and whether to touch it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The annotation that says which revisions of its Secrets a pod was last touched for.
pub(super) const ANNOTATION: &str = "webhook-certs/touched-for";

/// <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/>
#[derive(Debug, Deserialize)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) uid: String,
    annotations: Option<BTreeMap<String, String>>,
    deletion_timestamp: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    volumes: Vec<Volume>,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    phase: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Volume {
    secret: Option<SecretVolume>,
    projected: Option<Projected>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretVolume {
    secret_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Projected {
    sources: Option<Vec<Source>>,
}

#[derive(Debug, Deserialize)]
struct Source {
    secret: Option<Name>,
}

#[derive(Debug, Deserialize)]
struct Name {
    name: Option<String>,
}

impl Pod {
    /// The Secrets that the pod mounts as files.
    fn mounted(&self) -> impl Iterator<Item = &str> {
        self.spec.volumes.iter().flat_map(|volume| {
            let alone = volume.secret.iter();
            let alone = alone.filter_map(|secret| secret.secret_name.as_deref());
            let sources = volume.projected.iter();
            let sources = sources.flat_map(|projected| projected.sources.iter().flatten());
            let among_others = sources.filter_map(|source| source.secret.as_ref()?.name.as_deref());
            alone.chain(among_others)
        })
    }

    fn has_ended(&self) -> bool {
        let phase = self.status.phase.as_deref();
        self.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed"))
    }
}

/// The annotation's new value. None if the pod mounts no such Secret, has ended, or has this value already.
pub(super) fn mark(pod: &Pod, versions: &BTreeMap<String, String>) -> Option<String> {
    let mounted: BTreeMap<&str, &str> = pod
        .mounted()
        .filter_map(|name| Some((name, versions.get(name)?.as_str())))
        .collect();
    if mounted.is_empty() || pod.has_ended() {
        return None;
    }
    let pairs = mounted
        .iter()
        .map(|(name, version)| format!("{name}={version}"));
    let mark = pairs.collect::<Vec<_>>().join(",");
    let annotations = pod.metadata.annotations.as_ref();
    let says = annotations.and_then(|annotations| annotations.get(ANNOTATION));
    (says != Some(&mark)).then_some(mark)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(spec: &Value, metadata: &Value, status: &Value) -> Pod {
        let mut object = json!({ "metadata": { "name": "guard-0", "uid": "u" }, "spec": spec, "status": status });
        let fields = object["metadata"].as_object_mut().unwrap();
        fields.extend(metadata.as_object().unwrap().clone());
        serde_json::from_value(object).unwrap()
    }

    fn versions() -> BTreeMap<String, String> {
        BTreeMap::from([
            ("guard-tls".into(), "7".into()),
            ("metrics-tls".into(), "9".into()),
        ])
    }

    fn mounting() -> Value {
        json!({ "volumes": [
            { "name": "a", "emptyDir": {} },
            { "name": "b", "secret": { "secretName": "guard-tls" } },
        ] })
    }

    #[test]
    fn a_pod_is_touched_once_for_what_it_mounts() {
        let fresh = pod(&mounting(), &json!({}), &json!({}));
        assert_eq!(mark(&fresh, &versions()).as_deref(), Some("guard-tls=7"));
        let touched = json!({ "annotations": { ANNOTATION: "guard-tls=7" } });
        assert_eq!(
            mark(&pod(&mounting(), &touched, &json!({})), &versions()),
            None
        );
        let earlier = json!({ "annotations": { ANNOTATION: "guard-tls=6", "other": "x" } });
        assert!(mark(&pod(&mounting(), &earlier, &json!({})), &versions()).is_some());
    }

    #[test]
    fn a_projected_secret_counts_and_several_count_together() {
        let spec = json!({ "volumes": [
            { "name": "a", "projected": { "sources": [
                { "serviceAccountToken": { "path": "token" } },
                { "secret": { "name": "metrics-tls" } },
            ] } },
            { "name": "b", "secret": { "secretName": "guard-tls" } },
        ] });
        let both = pod(&spec, &json!({}), &json!({}));
        assert_eq!(
            mark(&both, &versions()).as_deref(),
            Some("guard-tls=7,metrics-tls=9")
        );
    }

    #[test]
    fn a_pod_that_mounts_none_or_has_ended_is_left_alone() {
        for spec in [
            json!({}),
            json!({ "volumes": [{ "name": "a", "secret": { "secretName": "other" } }] }),
            json!({ "volumes": [{ "name": "a", "configMap": { "name": "guard-tls" } }] }),
            // As environment variables, which the kubelet does not update.
            json!({ "containers": [{ "envFrom": [{ "secretRef": { "name": "guard-tls" } }] }] }),
        ] {
            assert_eq!(mark(&pod(&spec, &json!({}), &json!({})), &versions()), None);
        }
        let leaving = json!({ "deletionTimestamp": "2026-11-24T11:30:35Z" });
        assert_eq!(
            mark(&pod(&mounting(), &leaving, &json!({})), &versions()),
            None
        );
        for phase in ["Succeeded", "Failed"] {
            let ended = pod(&mounting(), &json!({}), &json!({ "phase": phase }));
            assert_eq!(mark(&ended, &versions()), None);
        }
    }
}
