//! Which names an API server accepts, for each kind of object that our settings name.

use webhook_inject::TargetKind;

/// Why an object cannot have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// A DNS-1123 subdomain is required: for Secrets and webhook configurations, for example.
    #[error(
        "Kubernetes allows lower-case letters, digits, `-` and `.`, a letter or digit at both ends of each part between dots, and at most 253 characters"
    )]
    Subdomain,
    /// A DNS-1123 label is required: for namespaces and Services.
    #[error(
        "Kubernetes allows lower-case letters, digits and `-`, a letter or digit at both ends, and at most 63 characters"
    )]
    Label,
    /// A `CustomResourceDefinition` needs another form of name.
    #[error(
        "a CustomResourceDefinition is named <plural>.<group>, and its group has a dot: etcds.db.example.com"
    )]
    Definition,
    /// An `APIService` needs another form of name.
    #[error("an APIService is named <version>.<group>: v1.metrics.example.com")]
    ApiService,
}

/// Checks a name that must be a DNS-1123 subdomain, as for most kinds
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>).
///
/// # Errors
///
/// [`InvalidName::Subdomain`] if it is none.
pub fn check_subdomain(name: &str) -> Result<(), InvalidName> {
    if name.len() <= 253 && name.split('.').all(is_label) {
        Ok(())
    } else {
        Err(InvalidName::Subdomain)
    }
}

/// Checks the name of a namespace or a Service: a DNS-1123 label.
///
/// # Errors
///
/// [`InvalidName::Label`] if it is none.
pub fn check_label(name: &str) -> Result<(), InvalidName> {
    if name.len() <= 63 && is_label(name) {
        Ok(())
    } else {
        Err(InvalidName::Label)
    }
}

/// Checks the name of a target of this kind.
///
/// # Errors
///
/// [`InvalidName`] with the rule of the kind.
pub fn check_target_name(kind: TargetKind, name: &str) -> Result<(), InvalidName> {
    check_subdomain(name)?;
    // The API server requires that the name joins two fields of the object.
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    let begins_with_a_letter = name.starts_with(|first: char| first.is_ascii_lowercase());
    match kind {
        TargetKind::CustomResourceDefinition if dots < 2 || !begins_with_a_letter => {
            Err(InvalidName::Definition)
        }
        TargetKind::ApiService if dots < 1 || !begins_with_a_letter => Err(InvalidName::ApiService),
        TargetKind::ValidatingWebhookConfiguration
        | TargetKind::MutatingWebhookConfiguration
        | TargetKind::CustomResourceDefinition
        | TargetKind::ApiService
        | TargetKind::Provider => Ok(()),
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_leave_its_path_is_no_name() {
        for name in ["guard-ca", "guard.example.com", "v1.guard", "0"] {
            assert_eq!(check_subdomain(name), Ok(()), "{name}");
        }
        for name in [
            "", "a/b", "..", "a..b", "A", "-a", "a-", "a?b", "a b", " a", "a.", "é",
        ] {
            assert_eq!(check_subdomain(name), Err(InvalidName::Subdomain), "{name}");
        }
        assert!(check_subdomain(&"a".repeat(253)).is_ok());
        assert!(check_subdomain(&"a".repeat(254)).is_err());
    }

    #[test]
    fn a_namespace_and_a_service_have_no_dot_and_63_characters_at_most() {
        assert_eq!(check_label("guard-system"), Ok(()));
        assert!(check_label(&"a".repeat(63)).is_ok());
        for name in ["", "guard.system", "Guard", "guard_system", "guard "] {
            assert_eq!(check_label(name), Err(InvalidName::Label), "{name}");
        }
        assert!(check_label(&"a".repeat(64)).is_err());
    }

    #[test]
    fn a_definition_and_an_api_service_are_named_for_their_group() {
        let crd = TargetKind::CustomResourceDefinition;
        for name in ["etcds", "etcds.db", "1etcds.db.example.com"] {
            let refused = check_target_name(crd, name);
            assert_eq!(refused, Err(InvalidName::Definition), "{name}");
        }
        assert_eq!(check_target_name(crd, "etcds.db.example.com"), Ok(()));
        let api = TargetKind::ApiService;
        for name in ["v1", "1.metrics.example.com"] {
            let refused = check_target_name(api, name);
            assert_eq!(refused, Err(InvalidName::ApiService), "{name}");
        }
        assert_eq!(check_target_name(api, "v1.metrics.example.com"), Ok(()));
        for kind in TargetKind::ALL {
            let refused = check_target_name(kind, "Guard.example.com");
            assert_eq!(refused, Err(InvalidName::Subdomain), "{kind}");
        }
        assert_eq!(check_target_name(TargetKind::Provider, "guard"), Ok(()));
    }
}
