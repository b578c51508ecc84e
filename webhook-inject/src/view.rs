//! Reads what an object tells the API server about our entries.

use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use certgen::{ParsedBundle, parse_bundle};
use serde_json::Value;

use crate::{kind::TargetKind, selector::Selector, writer::last_writer};

/// One object as it was seen: enough to decide, and to write only if it did not change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectView {
    /// `metadata.uid`: another object of the same name has another uid.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// The entries that are ours, in the object's order.
    pub entries: Vec<Entry>,
    /// The manager that `metadata.managedFields` names as the last to write a caBundle. For messages only.
    pub last_writer: Option<String>,
    /// The parts that look like ours and are not managed, and why.
    pub passed_over: Vec<PassedOver>,
}

/// One entry that is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The entry's key within its object.
    pub key: EntryKey,
    /// What the API server reads from its caBundle.
    pub state: EntryState,
    pub(crate) place: Place,
    /// The caBundle as it was seen; `None` if absent.
    pub(crate) seen: Option<String>,
}

/// The key of one entry within its object: its name, or `conversion`, `apiservice`, `provider` for the kinds with one
/// entry. A second entry of the same name is `name#2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey(String);

impl EntryKey {
    /// Makes a key from the text that [`as_str`](Self::as_str) returned.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the API server reads from a caBundle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each state asks for its own answer"
)]
pub enum EntryState {
    /// Absent or empty: the API server trusts its system's roots. For a conversion webhook, blank counts as empty.
    Empty,
    /// Present, but without a certificate: every call fails. Holds the pieces that were skipped.
    Unusable(ParsedBundle),
    /// At least one certificate.
    Holds(ParsedBundle),
}

/// Why a part of an object is not managed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassedOver {
    /// The configuration has no webhooks.
    #[error("it has no entries")]
    NoEntries,
    /// No entry has the requested name.
    #[error("it has no entry named {name}")]
    NoSuchEntry {
        /// The requested name.
        name: String,
    },
    /// The entry calls a URL, which does not tell whether that is our server. Name the entry if it is.
    #[error("entry {name} calls a url; name the entry to manage it")]
    Url {
        /// The entry.
        name: String,
    },
    /// The custom resource has no conversion webhook.
    #[error("it converts by strategy {strategy}, not by a webhook")]
    NoConversionWebhook {
        /// `None`, or the other strategy.
        strategy: String,
    },
    /// No entry calls our service.
    #[error("it calls Service {called}, not {ours}")]
    OtherService {
        /// `NAMESPACE/NAME` of what it calls; with several entries, of each that differs.
        called: String,
        /// `NAMESPACE/NAME` of ours.
        ours: String,
    },
    /// The API server itself serves this API: it has no service.
    #[error("it is served by the API server itself")]
    Local,
    /// The API server is told not to verify; it would refuse a caBundle beside that.
    #[error("insecureSkipTLSVerify is set; remove it to have the certificate verified")]
    Insecure,
}

/// The JSON is not an object of this kind as an API server returns it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an object as the API server answers: {missing} is missing")]
#[non_exhaustive]
pub struct Malformed {
    /// Which field.
    pub missing: &'static str,
}

/// Where the caBundle of an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `/webhooks/N/clientConfig`, with the name of that webhook.
    Webhook(usize, String),
    /// `/spec/conversion/webhook/clientConfig`
    Conversion,
    /// `/spec`
    Spec,
}

/// Reads an object as the API server returns it.
///
/// # Errors
///
/// [`Malformed`] if it has no uid or no resourceVersion.
pub fn view(
    kind: TargetKind,
    object: &Value,
    selector: &Selector,
) -> Result<ObjectView, Malformed> {
    let mut passed_over = Vec::new();
    let entries = match kind {
        TargetKind::ValidatingWebhookConfiguration | TargetKind::MutatingWebhookConfiguration => {
            webhooks(object, selector, &mut passed_over)
        }
        TargetKind::CustomResourceDefinition => conversion(object, selector, &mut passed_over),
        TargetKind::ApiService => api_service(object, selector, &mut passed_over),
        TargetKind::Provider => {
            let spec = object.get("spec").filter(|spec| spec.is_object());
            if spec.is_none() {
                passed_over.push(PassedOver::NoEntries);
            }
            single(kind, "provider", Place::Spec, spec)
        }
    };
    Ok(ObjectView {
        uid: text(object, "/metadata/uid").ok_or(Malformed {
            missing: "metadata.uid",
        })?,
        resource_version: text(object, "/metadata/resourceVersion").ok_or(Malformed {
            missing: "metadata.resourceVersion",
        })?,
        entries,
        last_writer: last_writer(object),
        passed_over,
    })
}

fn webhooks(object: &Value, selector: &Selector, passed_over: &mut Vec<PassedOver>) -> Vec<Entry> {
    let webhooks = object
        .get("webhooks")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if webhooks.is_empty() {
        passed_over.push(PassedOver::NoEntries);
    }
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    let mut entries = Vec::new();
    for (index, webhook) in webhooks.iter().enumerate() {
        // Every entry has a name: an API server refuses others.
        let Some(name) = webhook.get("name").and_then(Value::as_str) else {
            continue;
        };
        let nth = count.entry(name).or_default();
        *nth = nth.saturating_add(1);
        let config = webhook.get("clientConfig").unwrap_or(&Value::Null);
        let is_ours = if selector.has_names() {
            selector.names_entry(name)
        } else if config.get("url").is_some_and(Value::is_string) {
            passed_over.push(PassedOver::Url { name: name.into() });
            false
        } else {
            config
                .get("service")
                .is_some_and(|service| selector.is_our_service(service))
        };
        if is_ours {
            let key = free_key(name, nth, &keys);
            keys.insert(key.clone());
            let kind = TargetKind::ValidatingWebhookConfiguration;
            entries.push(entry(kind, key, Place::Webhook(index, name.into()), config));
        }
    }
    for name in selector.names().filter(|name| !count.contains_key(name)) {
        passed_over.push(PassedOver::NoSuchEntry { name: name.into() });
    }
    if entries.is_empty() && passed_over.is_empty() {
        let services = webhooks
            .iter()
            .filter_map(|webhook| webhook.pointer("/clientConfig/service"));
        passed_over.push(other_service(services, selector));
    }
    entries
}

/// The key of the `nth` entry of that name; counts on while another entry has that key.
fn free_key(name: &str, nth: &mut usize, taken: &BTreeSet<String>) -> String {
    let mut key = name.to_owned();
    if *nth > 1 {
        key = format!("{name}#{nth}");
    }
    while taken.contains(&key) {
        *nth = nth.saturating_add(1);
        key = format!("{name}#{nth}");
    }
    key
}

fn conversion(
    object: &Value,
    selector: &Selector,
    passed_over: &mut Vec<PassedOver>,
) -> Vec<Entry> {
    let strategy = text(object, "/spec/conversion/strategy").unwrap_or_else(|| "None".to_string());
    let config = object.pointer("/spec/conversion/webhook/clientConfig");
    let (true, Some(config)) = (strategy == "Webhook", config) else {
        passed_over.push(PassedOver::NoConversionWebhook { strategy });
        return Vec::new();
    };
    let kind = TargetKind::CustomResourceDefinition;
    match config.get("service").filter(|service| !service.is_null()) {
        Some(service) if selector.is_our_service(service) => {
            single(kind, "conversion", Place::Conversion, Some(config))
        }
        None if selector.names_entry("conversion") => {
            single(kind, "conversion", Place::Conversion, Some(config))
        }
        None => {
            passed_over.push(PassedOver::Url {
                name: "conversion".into(),
            });
            Vec::new()
        }
        Some(service) => {
            passed_over.push(other_service([service], selector));
            Vec::new()
        }
    }
}

fn other_service<'a>(
    services: impl IntoIterator<Item = &'a Value>,
    selector: &Selector,
) -> PassedOver {
    let names = services.into_iter().map(|service| {
        let part = |field| service.get(field).and_then(Value::as_str).unwrap_or("?");
        format!("{}/{}", part("namespace"), part("name"))
    });
    let called: BTreeSet<String> = names.collect();
    let called: Vec<String> = called.into_iter().take(SERVICES_NAMED).collect();
    PassedOver::OtherService {
        called: called.join(", "),
        ours: selector.service(),
    }
}

/// How many Services a message names: a configuration may have hundreds of entries.
const SERVICES_NAMED: usize = 3;

fn api_service(
    object: &Value,
    selector: &Selector,
    passed_over: &mut Vec<PassedOver>,
) -> Vec<Entry> {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let service = spec.get("service").filter(|service| !service.is_null());
    let insecure = spec.get("insecureSkipTLSVerify") == Some(&Value::Bool(true));
    match service {
        None => passed_over.push(PassedOver::Local),
        Some(service) if !selector.is_our_service(service) => {
            passed_over.push(other_service([service], selector));
        }
        Some(_) if insecure => passed_over.push(PassedOver::Insecure),
        Some(_) => {
            return single(
                TargetKind::ApiService,
                "apiservice",
                Place::Spec,
                Some(spec),
            );
        }
    }
    Vec::new()
}

fn single(kind: TargetKind, key: &str, place: Place, holder: Option<&Value>) -> Vec<Entry> {
    holder
        .map(|holder| entry(kind, key.into(), place, holder))
        .into_iter()
        .collect()
}

fn entry(kind: TargetKind, key: String, place: Place, holder: &Value) -> Entry {
    let seen = holder
        .get("caBundle")
        .and_then(Value::as_str)
        .map(ToOwned::to_owned);
    Entry {
        key: EntryKey(key),
        state: state(kind, seen.as_deref()),
        place,
        seen,
    }
}

/// Decodes as Go's `encoding/json` reads a `[]byte`, once the line ends that it skips are removed.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

fn state(kind: TargetKind, seen: Option<&str>) -> EntryState {
    let text: String = seen
        .unwrap_or_default()
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .collect();
    let is_conversion = kind == TargetKind::CustomResourceDefinition;
    // What is not base64 is no certificate either.
    let bytes = BASE64.decode(&text).unwrap_or_default();
    if text.is_empty() || is_conversion && !bytes.is_empty() && bytes.trim_ascii().is_empty() {
        return EntryState::Empty;
    }
    let parsed = parse_bundle(&bytes);
    if parsed.anchors.is_empty() {
        EntryState::Unusable(parsed)
    } else {
        EntryState::Holds(parsed)
    }
}

fn text(object: &Value, pointer: &str) -> Option<String> {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
}
