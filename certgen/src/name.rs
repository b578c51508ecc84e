//! The names by which callers reach a server.

use alloc::{
    borrow::ToOwned,
    collections::BTreeSet,
    format,
    string::{String, ToString},
};
use core::{fmt, net::IpAddr, str::FromStr};

/// A DNS name of DNS-1123 labels, in lower case; its leftmost label may be `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(String);

impl DnsName {
    /// The name, lower-cased.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DnsName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = text.to_ascii_lowercase();
        if name.len() > LONGEST_NAME {
            return Err(NameError::TooLong { name });
        }
        let labels = name.strip_prefix("*.").unwrap_or(&name);
        for label in labels.split('.') {
            if label.len() > LONGEST_LABEL {
                return Err(NameError::LabelTooLong {
                    label: label.to_owned(),
                    name,
                });
            }
            if !is_label(label) {
                return Err(NameError::Invalid { name });
            }
        }
        if labels.parse::<IpAddr>().is_ok() {
            return Err(NameError::Invalid { name });
        }
        Ok(Self(name))
    }
}

/// RFC 1035 §2.3.4.
const LONGEST_LABEL: usize = 63;
/// RFC 1035 §2.3.4: 255 octets on the wire are 253 characters.
const LONGEST_NAME: usize = 253;

/// Whether it is a label as Kubernetes defines it: `[a-z0-9]([-a-z0-9]*[a-z0-9])?`.
fn is_label(label: &str) -> bool {
    let inner = label
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

/// The DNS names and addresses of one leaf; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNames {
    dns: BTreeSet<DnsName>,
    ips: BTreeSet<IpAddr>,
}

impl ServerNames {
    /// Makes a set of names and addresses, in any order.
    ///
    /// # Errors
    ///
    /// [`NameError::Empty`] if there are none: callers match nothing else.
    pub fn new(
        dns: impl IntoIterator<Item = DnsName>,
        ips: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self, NameError> {
        let names = Self {
            dns: dns.into_iter().collect(),
            ips: ips.into_iter().collect(),
        };
        if names.dns.is_empty() && names.ips.is_empty() {
            Err(NameError::Empty)
        } else {
            Ok(names)
        }
    }

    /// Makes the set of `<service>.<namespace>.svc`, the one name by which an API server calls a Service.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the two do not make a DNS name.
    pub fn for_service(service: &str, namespace: &str) -> Result<Self, NameError> {
        Self::new([format!("{service}.{namespace}.svc").parse()?], [])
    }

    /// The DNS names, in order.
    pub fn dns(&self) -> &BTreeSet<DnsName> {
        &self.dns
    }

    /// The addresses, in order.
    pub fn ips(&self) -> &BTreeSet<IpAddr> {
        &self.ips
    }

    /// Whether it contains each of `wanted`, letter for letter: a wildcard matches no other name here.
    pub fn contains_all(&self, wanted: &Self) -> bool {
        self.dns.is_superset(&wanted.dns) && self.ips.is_superset(&wanted.ips)
    }

    /// Whether a caller that asks for `name` accepts one of these names: a wildcard matches the first label, as in Go.
    pub fn answers(&self, name: &DnsName) -> bool {
        let mut own = self.dns.iter();
        own.any(|own| matches(own.as_str(), name.as_str()))
    }

    /// The names that `other` lacks; `None` if it lacks none.
    pub fn without(&self, other: &Self) -> Option<Self> {
        let dns = self.dns.difference(&other.dns).cloned();
        let ips = self.ips.difference(&other.ips).copied();
        Self::new(dns, ips).ok()
    }

    /// The names of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            dns: self.dns.union(&other.dns).cloned().collect(),
            ips: self.ips.union(&other.ips).copied().collect(),
        }
    }
}

impl fmt::Display for ServerNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .dns
            .iter()
            .map(ToString::to_string)
            .chain(self.ips.iter().map(ToString::to_string));
        for (position, name) in names.enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            f.write_str(&name)?;
        }
        Ok(())
    }
}

/// Whether a caller that asks for `name`, in lower case, accepts a certificate for `pattern`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    if pattern.split('.').count() != name.split('.').count() {
        return false;
    }
    pattern
        .split('.')
        .zip(name.split('.'))
        .enumerate()
        .all(|(position, (pattern, label))| (position == 0 && pattern == "*") || pattern == label)
}

/// Why a certificate should not carry a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No name was given.
    #[error("a server needs at least one DNS name or address")]
    Empty,
    /// The name has more than 253 bytes.
    #[error("the DNS name {name} is longer than 253 bytes")]
    TooLong {
        /// The name.
        name: String,
    },
    /// A label has more than 63 bytes.
    #[error("the label {label} of the DNS name {name} is longer than 63 bytes")]
    LabelTooLong {
        /// The name.
        name: String,
        /// The label.
        label: String,
    },
    /// The name has characters that DNS-1123 labels do not allow, or is an address.
    #[error(
        "{name:?} is not a DNS name: labels of a-z, 0-9 and '-', beginning and ending with a letter or digit, '*' only as the leftmost label"
    )]
    Invalid {
        /// The name.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_answers_for_one_label() {
        let name = |text: &str| text.parse::<DnsName>().unwrap();
        let own = ServerNames::new([name("*.ns.svc"), name("one")], []).unwrap();
        for (asked, is_answered) in [
            ("one", true),
            ("guard.ns.svc", true),
            ("*.ns.svc", true),
            ("two", false),
            ("ns.svc", false),
            ("a.guard.ns.svc", false),
            ("guard.other.svc", false),
        ] {
            assert_eq!(own.answers(&name(asked)), is_answered, "{asked}");
        }
    }

    #[test]
    fn accepts_service_names_and_wildcards() {
        for name in ["guard.guard-system.svc", "*.guard-system.svc", "a", "1.svc"] {
            assert_eq!(name.parse::<DnsName>().unwrap().as_str(), name);
        }
        assert_eq!(
            "Guard.NS.svc".parse::<DnsName>().unwrap().as_str(),
            "guard.ns.svc"
        );
    }

    #[test]
    fn refuses_what_no_api_server_would_call() {
        for name in [
            "", ".", "a..b", "a.", "-a.svc", "a-.svc", "a_b.svc", "*", "a.*.svc", "*a.svc",
            "1.2.3.4", "ä.svc", "a b",
        ] {
            assert!(name.parse::<DnsName>().is_err(), "{name}");
        }
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let label = "a".repeat(63);
        assert!(label.parse::<DnsName>().is_ok());
        let long = format!("{label}a.svc").parse::<DnsName>().unwrap_err();
        assert!(
            matches!(&long, NameError::LabelTooLong { .. }) && long.to_string().contains(&label)
        );

        let name = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(name.len(), 253);
        assert!(name.parse::<DnsName>().is_ok());
        let longer = format!("{name}a");
        assert_eq!(
            longer.parse::<DnsName>(),
            Err(NameError::TooLong { name: longer })
        );
    }

    #[test]
    fn no_names_are_refused() {
        assert_eq!(ServerNames::new([], []), Err(NameError::Empty));
        assert!(ServerNames::for_service("guard", "").is_err());
    }
}
