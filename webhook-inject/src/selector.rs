//! Which entries of an object are ours.

use alloc::{collections::BTreeSet, format, string::String};

use serde_json::Value;

/// Selects the entries to manage.
///
/// Without names: every entry that calls the Service. With names: those entries and no others, whatever they call; that
/// is the only way to select entries with a `url`. The single entry of a Provider, which has no service reference, is
/// always ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    namespace: String,
    service: String,
    entries: BTreeSet<String>,
}

impl Selector {
    /// Selects every entry that calls this Service.
    pub fn of_service(namespace: impl Into<String>, service: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            service: service.into(),
            entries: BTreeSet::new(),
        }
    }

    /// Selects only the entries of this name, and of those named before.
    #[must_use]
    pub fn and_entry(mut self, name: impl Into<String>) -> Self {
        self.entries.insert(name.into());
        self
    }

    /// The namespace of the Service.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `NAMESPACE/NAME` of the Service.
    pub(crate) fn service(&self) -> String {
        format!("{}/{}", self.namespace, self.service)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(String::as_str)
    }

    pub(crate) fn has_names(&self) -> bool {
        !self.entries.is_empty()
    }

    pub(crate) fn names_entry(&self, name: &str) -> bool {
        self.entries.contains(name)
    }

    /// Whether a service reference (`{namespace, name, …}`) points to our Service.
    pub(crate) fn is_our_service(&self, reference: &Value) -> bool {
        let is = |field, wanted: &str| reference.get(field).and_then(Value::as_str) == Some(wanted);
        is("namespace", &self.namespace) && is("name", &self.service)
    }
}
