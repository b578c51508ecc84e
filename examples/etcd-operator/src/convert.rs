//! Converts from one version to the other and back, without loss.
//!
//! What v1alpha1 cannot express, above all TLS, is kept in an annotation. Metadata and status are the same in both.

use kube::core::conversion::ConversionRequest;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::api::{GROUP, v1, v1alpha1};

const ANNOTATION: &str = "db.example.com/only-in-v1";

/// The fields that v1 has and v1alpha1 cannot express.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OnlyInV1 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<v1::Tls>,
    /// A volume without further settings: an empty `storage`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    default_storage: bool,
}

/// Why an object cannot be converted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    #[error("cannot convert {from} to {to}: know db.example.com/v1alpha1 and db.example.com/v1")]
    UnknownVersion { from: String, to: String },
    #[error("cannot read it as {version}")]
    Unreadable {
        version: String,
        #[source]
        source: serde_json::Error,
    },
}

/// Converts all objects of a request, in their order.
pub(crate) fn convert_all(request: &ConversionRequest) -> Result<Vec<Value>, ConvertError> {
    let wanted = &request.desired_api_version;
    let objects = request.objects.iter().cloned();
    objects.map(|object| convert(object, wanted)).collect()
}

/// Converts one object.
pub(crate) fn convert(mut object: Value, wanted: &str) -> Result<Value, ConvertError> {
    let from = object.get("apiVersion").and_then(Value::as_str);
    let from = from.unwrap_or_default().to_owned();
    let version = |text: &str| {
        text.strip_prefix(GROUP)?
            .strip_prefix('/')
            .map(str::to_owned)
    };
    match (version(&from).as_deref(), version(wanted).as_deref()) {
        (Some("v1"), Some("v1alpha1")) => {
            let spec = read(&object, "v1")?;
            let (spec, rest) = down(spec);
            keep(&mut object, &rest)?;
            write(&mut object, "v1", &spec)?;
        }
        (Some("v1alpha1"), Some("v1")) => {
            let spec = read(&object, "v1alpha1")?;
            let rest = take_kept(&mut object).unwrap_or_default();
            write(&mut object, "v1alpha1", &up(spec, rest))?;
        }
        (Some("v1"), Some("v1")) | (Some("v1alpha1"), Some("v1alpha1")) => {}
        _ => {
            return Err(ConvertError::UnknownVersion {
                from,
                to: wanted.into(),
            });
        }
    }
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".into(), wanted.into());
    }
    Ok(object)
}

fn down(spec: v1::EtcdSpec) -> (v1alpha1::EtcdSpec, OnlyInV1) {
    let v1::EtcdSpec {
        size,
        version,
        storage,
        tls,
    } = spec;
    let default_storage = storage == Some(v1::Storage::default());
    let v1::Storage {
        size: storage_size,
        class_name: storage_class,
    } = storage.unwrap_or_default();
    let spec = v1alpha1::EtcdSpec {
        replicas: size,
        version,
        storage_size,
        storage_class,
    };
    let rest = OnlyInV1 {
        tls,
        default_storage,
    };
    (spec, rest)
}

fn up(spec: v1alpha1::EtcdSpec, rest: OnlyInV1) -> v1::EtcdSpec {
    let v1alpha1::EtcdSpec {
        replicas,
        version,
        storage_size,
        storage_class,
    } = spec;
    let has_storage = storage_size.is_some() || storage_class.is_some() || rest.default_storage;
    v1::EtcdSpec {
        size: replicas,
        version,
        storage: has_storage.then_some(v1::Storage {
            size: storage_size,
            class_name: storage_class,
        }),
        tls: rest.tls,
    }
}

fn read<T: DeserializeOwned>(object: &Value, version: &str) -> Result<T, ConvertError> {
    let spec = object.get("spec").cloned();
    let spec = spec.unwrap_or_else(|| Value::Object(Map::new()));
    serde_json::from_value(spec).map_err(unreadable(version))
}

fn write(object: &mut Value, version: &str, spec: &impl Serialize) -> Result<(), ConvertError> {
    let spec = serde_json::to_value(spec).map_err(unreadable(version))?;
    if let Some(fields) = object.as_object_mut() {
        fields.insert("spec".into(), spec);
    }
    Ok(())
}

fn unreadable(version: &str) -> impl FnOnce(serde_json::Error) -> ConvertError {
    let version = version.to_owned();
    |source| ConvertError::Unreadable { version, source }
}

/// Writes `rest` to the annotation, or removes the annotation if it is empty.
fn keep(object: &mut Value, rest: &OnlyInV1) -> Result<(), ConvertError> {
    if *rest == OnlyInV1::default() {
        take_kept(object);
        return Ok(());
    }
    let text = serde_json::to_string(rest).map_err(unreadable("v1"))?;
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = metadata {
        let annotations = metadata.entry("annotations").or_insert(Value::Null);
        if !annotations.is_object() {
            *annotations = Value::Object(Map::new());
        }
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(ANNOTATION.into(), text.into());
        }
    }
    Ok(())
}

/// Removes the annotation and returns its content. One that another writer garbled stays in place.
fn take_kept(object: &mut Value) -> Option<OnlyInV1> {
    let annotation = object.pointer("/metadata/annotations")?.get(ANNOTATION)?;
    let rest = serde_json::from_str(annotation.as_str()?).ok()?;
    take(object);
    Some(rest)
}

fn take(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    let annotations = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut);
    let is_left_empty = annotations.is_some_and(|annotations| {
        annotations.remove(ANNOTATION).is_some() && annotations.is_empty()
    });
    if is_left_empty {
        metadata.remove("annotations");
    }
}

#[cfg(test)]
mod tests;
