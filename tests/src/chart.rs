//! A chart that another manager applies server-side, again and again, as Helm 4, Flux and Argo CD do.

use std::{
    error::Error,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{
    Client, ResourceExt,
    api::{DynamicObject, PatchParams},
};
use serde_json::Value;

use crate::{
    Failure,
    apply::{apply_object, stored},
};

const MANAGER: &str = "helm";

/// What a chart renders. It never takes a field from another manager.
pub struct Chart {
    client: Client,
    objects: Vec<DynamicObject>,
}

impl fmt::Debug for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chart").finish_non_exhaustive()
    }
}

impl Chart {
    /// Of these objects, with the labels and annotations that Helm gives to all that it renders. Its Secrets name their
    /// type and an owner besides.
    ///
    /// # Errors
    ///
    /// One of them is no Kubernetes object.
    pub fn of(client: &Client, objects: Vec<Value>) -> Result<Self, Failure> {
        let mut chart = Self::as_rendered(client, objects)?;
        chart.objects = chart.objects.into_iter().map(labelled).collect();
        Ok(chart)
    }

    /// Of these objects as they are.
    ///
    /// # Errors
    ///
    /// As for [`of`](Self::of).
    pub fn as_rendered(client: &Client, objects: Vec<Value>) -> Result<Self, Failure> {
        let objects = objects.into_iter().map(serde_json::from_value);
        Ok(Self {
            client: client.clone(),
            objects: objects.collect::<Result<_, _>>()?,
        })
    }

    /// Applies all of it.
    ///
    /// # Errors
    ///
    /// Each object that the API server does not take, with what it says: conflicts, above all.
    pub async fn apply(&self) -> Result<(), Failure> {
        let mut refused = Vec::new();
        for object in &self.objects {
            let applied = apply_object(&self.client, object, &PatchParams::apply(MANAGER)).await;
            refused.extend(applied.err().map(|error| in_full(&error)));
        }
        none(&refused)
    }

    /// Asks what applying it would change, as `kubectl diff --server-side` does.
    ///
    /// # Errors
    ///
    /// Each object that would change, before and after; each that would not be taken, as for [`apply`](Self::apply).
    pub async fn differs_in_nothing(&self) -> Result<(), Failure> {
        let mut differences = Vec::new();
        for object in &self.objects {
            let before = shown(stored(&self.client, object).await?)?;
            let dry_run = PatchParams::apply(MANAGER).dry_run();
            match apply_object(&self.client, object, &dry_run).await {
                Err(error) => differences.push(in_full(&error)),
                Ok(after) => {
                    let after = shown(after)?;
                    if before != after {
                        differences.push(format!("before {before}\nafter  {after}"));
                    }
                }
            }
        }
        none(&differences)
    }
}

fn none(faults: &[String]) -> Result<(), Failure> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("\n").into())
    }
}

/// As `kubectl diff` shows it: without who owns which field.
fn shown(mut object: DynamicObject) -> Result<Value, serde_json::Error> {
    object.managed_fields_mut().clear();
    serde_json::to_value(object)
}

fn labelled(mut object: DynamicObject) -> DynamicObject {
    let (label, annotation) = ("app.kubernetes.io/managed-by", "meta.helm.sh/release-name");
    object.labels_mut().insert(label.into(), "Helm".into());
    object
        .annotations_mut()
        .insert(annotation.into(), "guard".into());
    let is_secret = object
        .types
        .as_ref()
        .is_some_and(|types| types.kind == "Secret");
    if is_secret {
        object.owner_references_mut().push(OwnerReference {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            name: "release".into(),
            uid: "6d1c6a6e-0000-4000-8000-000000000000".into(),
            ..OwnerReference::default()
        });
        if let Some(fields) = object.data.as_object_mut() {
            fields.insert("type".into(), "Opaque".into());
        }
    }
    object
}

fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// Every object of the manifests in a folder and the folders below it. Namespaces come first, and of several objects of one
/// name the first: `deploy/` has two ways to run the same Deployment.
///
/// # Errors
///
/// A file that cannot be read.
pub fn manifests(folder: &Path) -> Result<Vec<Value>, Failure> {
    let mut objects: Vec<Value> = Vec::new();
    for file in yaml_files(folder)? {
        let found: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(file)?)?;
        for object in found {
            // What only kustomize reads has no version, or one of its own.
            let api = object.get("apiVersion").and_then(Value::as_str);
            let is_object = api.is_some_and(|api| !api.starts_with("kustomize.config.k8s.io/"));
            let is_known = objects.iter().any(|known| named(known) == named(&object));
            if is_object && !is_known {
                objects.push(object);
            }
        }
    }
    objects.sort_by_key(|object| object.get("kind").and_then(Value::as_str) != Some("Namespace"));
    Ok(objects)
}

fn named(object: &Value) -> [Option<&Value>; 3] {
    ["/kind", "/metadata/namespace", "/metadata/name"].map(|place| object.pointer(place))
}

fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        if path.is_dir() {
            files.extend(yaml_files(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
