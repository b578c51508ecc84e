//! Decides which `Etcd` to refuse, and says what its author can do about it.

use crate::{
    api::v1::{EtcdSpec, Storage},
    defaults,
    quantity::bytes,
    version::Version,
};

/// The longest name: a `StatefulSet` labels its pods with its name and eleven characters more, and a label has 63 at
/// most.
const LONGEST_NAME: usize = 52;

/// Returns everything that is wrong, each in a sentence that begins with the field.
///
/// `old` is the object to be replaced; what stays as it was is not checked again, or else no finalizer could be removed
/// after a rule has become stricter.
pub(crate) fn violations(name: &str, old: Option<&EtcdSpec>, new: &EtcdSpec) -> Vec<String> {
    if old == Some(new) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    if old.is_none() {
        wrong.extend(impossible_name(name));
    }
    wrong.extend(size(old, new));
    wrong.extend(version(old, new));
    wrong.extend(storage(old, new));
    if new
        .tls
        .as_ref()
        .is_some_and(|tls| tls.secret_name.is_empty())
    {
        wrong.push("spec.tls.secretName: is empty; name a Secret of type kubernetes.io/tls, or leave spec.tls out".into());
    }
    wrong
}

/// Checks the name. Services get names that begin with it, which are DNS labels and begin with a letter.
fn impossible_name(name: &str) -> Option<String> {
    let is_label = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (!is_label || name.len() > LONGEST_NAME).then(|| {
        format!(
            "metadata.name: {name:?} cannot name a Service; give {LONGEST_NAME} lower-case letters, digits and dashes at \
             most, a letter first"
        )
    })
}

fn size(old: Option<&EtcdSpec>, new: &EtcdSpec) -> Option<String> {
    let size = new.size.unwrap_or(defaults::SIZE);
    if !matches!(size, 1 | 3 | 5 | 7) {
        let advice = if size.is_multiple_of(2) && (2..=6).contains(&size) {
            format!(
                "{size} members survive no more failures than {}; give {} or {}",
                size - 1,
                size - 1,
                size + 1
            )
        } else {
            format!("{size} is not possible; give 1, 3, 5 or 7")
        };
        return Some(format!("spec.size: {advice}"));
    }
    let before = old?.size.unwrap_or(defaults::SIZE);
    (before != size).then(|| {
        format!(
            "spec.size: from {before} to {size} changes more than one member at a time, and each must be announced to the \
             others before it starts; restore a snapshot into a new Etcd of {size}"
        )
    })
}

fn version(old: Option<&EtcdSpec>, new: &EtcdSpec) -> Option<String> {
    let text = new.version.as_deref().unwrap_or(defaults::VERSION);
    let Some(version) = Version::parse(text) else {
        return Some(format!(
            "spec.version: {text:?} is not a version; give one such as {}",
            defaults::VERSION
        ));
    };
    let before = old.and_then(|old| Version::parse(old.version.as_deref()?))?;
    if version < before {
        return Some(format!(
            "spec.version: etcd does not go back from {before} to {version} with its data; restore a snapshot into a new Etcd"
        ));
    }
    version.skips_a_minor_after(&before).then(|| {
        format!(
            "spec.version: from {before} to {version} skips a minor version; go to {} first",
            before.next_minor()
        )
    })
}

fn storage(old: Option<&EtcdSpec>, new: &EtcdSpec) -> Option<String> {
    let size = |storage: &Storage| {
        let text = storage.size.as_deref().unwrap_or(defaults::STORAGE_SIZE);
        bytes(text).ok_or_else(|| text.to_owned())
    };
    let now = match new.storage.as_ref().map(size).transpose() {
        Ok(now) => now,
        Err(text) => {
            return Some(format!(
                "spec.storage.size: {text:?} is not a size; give one such as {}",
                defaults::STORAGE_SIZE
            ));
        }
    };
    let old = old?;
    let class = |spec: &EtcdSpec| spec.storage.as_ref().and_then(|it| it.class_name.clone());
    let before = old.storage.as_ref().and_then(|storage| size(storage).ok());
    match (before, now) {
        (Some(before), Some(now)) if now < before => Some(
            "spec.storage.size: volumes do not shrink; make a new Etcd and restore a snapshot into it"
                .into(),
        ),
        (Some(before), Some(now)) if now > before => Some(
            "spec.storage.size: this operator does not grow volumes; make a new Etcd and restore a snapshot into it"
                .into(),
        ),
        (Some(_), None) | (None, Some(_)) => Some(
            "spec.storage: cannot be added or taken away later; make a new Etcd and restore a snapshot into it".into(),
        ),
        _ if class(old) != class(new) => Some(
            "spec.storage.className: cannot change later; make a new Etcd and restore a snapshot into it".into(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::Tls;

    fn spec(size: u32, version: &str, storage: Option<&str>) -> EtcdSpec {
        EtcdSpec {
            size: Some(size),
            version: Some(version.into()),
            storage: storage.map(|size| Storage {
                size: Some(size.into()),
                class_name: None,
            }),
            tls: None,
        }
    }

    fn refusal(old: Option<&EtcdSpec>, new: &EtcdSpec) -> String {
        violations("store", old, new).join("; ")
    }

    #[test]
    fn odd_sizes_up_to_seven_are_taken() {
        for size in [1, 3, 5, 7] {
            assert_eq!(refusal(None, &spec(size, "3.6.5", None)), "");
        }
        assert_eq!(refusal(None, &EtcdSpec::default()), "", "all defaults");
    }

    #[test]
    fn other_sizes_are_refused_with_the_sizes_beside_them() {
        for (size, advice) in [
            (0, "0 is not possible; give 1, 3, 5 or 7"),
            (2, "2 members survive no more failures than 1; give 1 or 3"),
            (4, "4 members survive no more failures than 3; give 3 or 5"),
            (6, "give 5 or 7"),
            (8, "8 is not possible"),
            (9, "9 is not possible"),
            (u32::MAX, "is not possible"),
        ] {
            let refusal = refusal(None, &spec(size, "3.6.5", None));
            assert!(
                refusal.starts_with("spec.size: ") && refusal.contains(advice),
                "{refusal}"
            );
        }
    }

    #[test]
    fn a_size_stays() {
        let at = |size| spec(size, "3.6.5", None);
        assert_eq!(refusal(Some(&at(5)), &at(5)), "");
        for (before, after) in [(1, 3), (3, 1), (1, 7)] {
            let refusal = refusal(Some(&at(before)), &at(after));
            assert!(
                refusal.contains("more than one member at a time"),
                "{refusal}"
            );
        }
    }

    #[test]
    fn a_version_goes_on_by_one_minor_and_never_back() {
        let at = |version| spec(3, version, None);
        let change = |before, after| refusal(Some(&at(before)), &at(after));
        for (before, after) in [("3.5.9", "3.5.9"), ("3.5.9", "3.5.21"), ("3.5.9", "3.6.0")] {
            assert_eq!(change(before, after), "");
        }
        assert!(change("3.6.0", "3.5.21").contains("does not go back from 3.6.0 to 3.5.21"));
        assert!(change("3.5.10", "3.5.9").contains("does not go back"));
        assert!(change("3.4.1", "3.6.0").contains("go to 3.5.0 first"));
        for wrong in ["", "3", "3.6", "v3.6.5", "3.6.5-rc.0", "3.6.x", "3.6.5.1"] {
            let refusal = refusal(None, &at(wrong));
            assert!(
                refusal.contains("is not a version; give one such as 3.6.5"),
                "{refusal}"
            );
        }
    }

    #[test]
    fn a_volume_does_not_shrink_come_or_go() {
        let at = |size| spec(3, "3.6.5", size);
        let change = |before, after| refusal(Some(&at(before)), &at(after));
        assert!(change(Some("1Gi"), Some("2Gi")).contains("does not grow volumes"));
        assert_eq!(change(Some("1Gi"), Some("1024Mi")), "");
        assert_eq!(change(None, None), "");
        assert!(change(Some("1Gi"), Some("1023Mi")).contains("volumes do not shrink"));
        for (before, after) in [(Some("1Gi"), None), (None, Some("1Gi"))] {
            assert!(change(before, after).contains("cannot be added or taken away"));
        }
        assert!(refusal(None, &at(Some("much"))).contains("is not a size"));
        let mut classy = at(Some("1Gi"));
        classy.storage.as_mut().unwrap().class_name = Some("fast".into());
        assert!(refusal(Some(&at(Some("1Gi"))), &classy).contains("className: cannot change"));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut new = spec(2, "?", Some("?"));
        new.tls = Some(Tls::default());
        let wrong = violations("a.b", None, &new);
        for (sentence, field) in wrong.iter().zip([
            "metadata.name: ",
            "spec.size: ",
            "spec.version: ",
            "spec.storage.size: ",
            "spec.tls.secretName: ",
        ]) {
            assert!(sentence.starts_with(field), "{sentence}");
        }
        assert_eq!(wrong.len(), 5, "{wrong:?}");
    }

    #[test]
    fn a_name_must_do_for_all_that_is_called_after_it() {
        let (longest, longer) = ("a".repeat(52), "a".repeat(53));
        for (name, is_possible) in [
            ("store-1", true),
            (&longest, true),
            (&longer, false),
            ("1-store", false),
            ("my.store", false),
        ] {
            let wrong = violations(name, None, &EtcdSpec::default());
            assert_eq!(wrong.is_empty(), is_possible, "{name}: {wrong:?}");
        }
    }

    #[test]
    fn what_stays_as_it_was_taken_is_not_judged_again() {
        let taken = spec(2, "?", Some("?"));
        assert_eq!(violations("a.b", Some(&taken), &taken), [""; 0]);
        let changed = spec(2, "3.6.5", Some("?"));
        let wrong = violations("a.b", Some(&taken), &changed);
        assert!(!wrong.is_empty() && !wrong.iter().any(|it| it.starts_with("metadata")));
    }
}
