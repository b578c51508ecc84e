//! Parses the values of flags. Refuses invalid ones, with the flag and the value, before anything starts.

use std::{fmt::Display, time::Duration};

use kube_adapter::{check_label, check_subdomain};
use webhook_inject::TargetKind;

use crate::targets::TargetName;

/// The values of one flag or variable, separated by commas, with optional spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List<T>(Vec<T>);

impl<T> List<T> {
    /// Joins the values of a flag that was given several times.
    pub(super) fn all(lists: &[Self]) -> impl Iterator<Item = &T> {
        lists.iter().flat_map(|list| &list.0)
    }
}

/// A serving Secret, and the DNS names of its certificate if it has its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServingSecret {
    pub(super) name: String,
    pub(super) dns: Option<Vec<String>>,
}

/// Parses a list, each value by `value`. Ignores an extra comma.
pub(super) fn list<T, E: Display>(
    value: impl Fn(&str) -> Result<T, E> + Clone,
) -> impl Fn(&str) -> Result<List<T>, String> + Clone {
    move |text| {
        let parts = text.split(',').map(str::trim);
        let values: Result<Vec<T>, String> = parts
            .filter(|part| !part.is_empty())
            .map(|part| value(part).map_err(|why| format!("\"{part}\": {why}")))
            .collect();
        match values? {
            values if values.is_empty() => {
                Err("it is empty: give a value, or leave the flag out".into())
            }
            values => Ok(List(values)),
        }
    }
}

/// Parses targets of one kind.
pub(super) fn targets(
    kind: TargetKind,
) -> impl Fn(&str) -> Result<List<TargetName>, String> + Clone {
    list(move |text: &str| TargetName::parse(kind, text))
}

/// Parses the name of a namespace or a Service.
pub(super) fn label(text: &str) -> Result<String, String> {
    named(text, check_label(text))
}

/// Parses the name of a Secret.
pub(super) fn subdomain(text: &str) -> Result<String, String> {
    named(text, check_subdomain(text))
}

fn named<E: Display>(text: &str, checked: Result<(), E>) -> Result<String, String> {
    checked.map_err(|why| why.to_string())?;
    Ok(text.into())
}

/// Parses `NAME` or `NAME:DNS,DNS…`
pub(super) fn serving_secret(text: &str) -> Result<ServingSecret, String> {
    let (name, dns) = match text.split_once(':') {
        Some((name, dns)) => (name.trim(), Some(dns)),
        None => (text, None),
    };
    let dns = match dns {
        Some(dns) => Some(
            list(str::parse::<String>)(dns)
                .map_err(|_| "no DNS name follows the `:`")?
                .0,
        ),
        None => None,
    };
    Ok(ServingSecret {
        name: subdomain(name)?,
        dns,
    })
}

/// Parses a label selector; refuses an empty one, which selects every pod.
pub(super) fn selector(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a label selector such as app=guard".into()),
        selector => Ok(selector.into()),
    }
}

/// Parses an octal mode, as chmod does.
pub(super) fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("an octal mode such as 0640".into()),
    }
}

/// Parses a duration; `0` needs no unit.
pub(super) fn timeout(text: &str) -> Result<Duration, humantime::DurationError> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => humantime::parse_duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tolerates_spaces_and_a_comma_too_many() {
        let list = |text| list(subdomain)(text).map(|list| list.0);
        let both = Ok(vec!["a.example.com".to_owned(), "b.example.com".to_owned()]);
        for text in [
            "a.example.com,b.example.com",
            "a.example.com, b.example.com",
            " a.example.com ,\n b.example.com,",
        ] {
            assert_eq!(list(text), both, "{text}");
        }
        for text in ["", " ", ",", "a b"] {
            assert!(list(text).is_err(), "{text}");
        }
        assert!(list("a, B").is_err_and(|why| why.starts_with("\"B\": ")));
    }

    #[test]
    fn a_serving_secret_has_a_name_and_may_have_dns_names() {
        let secret = serving_secret("guard-tls: a.example.com, b.example.com").unwrap();
        let dns = secret.dns.unwrap_or_default();
        assert_eq!((secret.name.as_str(), dns.len()), ("guard-tls", 2));
        assert_eq!(serving_secret("guard-tls").unwrap().dns, None);
        for text in ["", ":", ":a.example.com", "guard-tls:", "Guard", "a/b"] {
            assert!(serving_secret(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mode_is_octal() {
        assert_eq!((mode("0640"), mode("600")), (Ok(0o640), Ok(0o600)));
        assert!(mode("0888").is_err() && mode("1777").is_err() && mode("").is_err());
    }

    #[test]
    fn a_timeout_of_0_needs_no_unit() {
        assert_eq!(timeout("0"), Ok(Duration::ZERO));
        assert_eq!(timeout("90s"), Ok(Duration::from_secs(90)));
        assert!(timeout("90").is_err());
    }
}
