//! Certificates that say of themselves what they should not.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyUsagePurpose,
};

use super::{Damage, workshop::Workshop};
use crate::error::JudgeError;

/// What is changed, in words for the leaf, the cross and the root.
type Change = ([&'static str; 3], fn(&mut CertificateParams));

const CHANGES: [Change; 13] = [
    (
        [
            "a leaf for clients",
            "a cross for clients",
            "a root for clients",
        ],
        |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        },
    ),
    (
        [
            "a leaf for any purpose",
            "a cross for any purpose",
            "a root for any purpose",
        ],
        |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
        },
    ),
    (
        [
            "a leaf of no stated purpose",
            "a cross of no stated purpose",
            "a root of no stated purpose",
        ],
        |params| {
            params.extended_key_usages = Vec::new();
        },
    ),
    (
        [
            "a leaf for servers",
            "a cross for servers",
            "a root for servers",
        ],
        |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        },
    ),
    (
        [
            "a leaf for signing code",
            "a cross for signing code",
            "a root for signing code",
        ],
        |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        },
    ),
    (
        [
            "a leaf whose key may sign lists",
            "a cross whose key may sign lists",
            "a root whose key may sign lists",
        ],
        |params| {
            params.key_usages = vec![KeyUsagePurpose::CrlSign];
        },
    ),
    (
        [
            "a leaf whose key may do anything",
            "a cross whose key may do anything",
            "a root whose key may do anything",
        ],
        |params| {
            params.key_usages = Vec::new();
        },
    ),
    (
        [
            "a leaf with CA:FALSE",
            "a cross with CA:FALSE",
            "a root with CA:FALSE",
        ],
        |params| {
            params.is_ca = IsCa::ExplicitNoCa;
        },
    ),
    (
        [
            "a leaf without basic constraints",
            "a cross without basic constraints",
            "a root without basic constraints",
        ],
        |params| {
            params.is_ca = IsCa::NoCa;
        },
    ),
    (
        [
            "a leaf with CA:TRUE",
            "a cross with path length 0",
            "a root with path length 0",
        ],
        |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        },
    ),
    (
        [
            "a leaf with CA:TRUE and path length 1",
            "a cross with path length 1",
            "a root with path length 1",
        ],
        |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        },
    ),
    (
        [
            "a leaf with an unknown critical extension",
            "a cross with an unknown critical extension",
            "a root with an unknown critical extension",
        ],
        |params| {
            params.custom_extensions.push(unknown(true));
        },
    ),
    (
        [
            "a leaf with an unknown extension",
            "a cross with an unknown extension",
            "a root with an unknown extension",
        ],
        |params| {
            params.custom_extensions.push(unknown(false));
        },
    ),
];

pub(super) fn all(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    let Workshop { old, new, leaf, .. } = shop;
    let mut all = Vec::new();
    for (origins, change) in CHANGES {
        let (leaf_changed, cross, root) = (
            leaf.changed(change)?,
            new.changed(change)?,
            old.changed(change)?,
        );
        let [of_leaf, of_cross, of_root] = origins;
        let (own, crossed) = (leaf.under(new)?, new.under(old)?);
        all.push(Damage::new(
            of_leaf,
            vec![leaf_changed.under(new)?, crossed.clone()],
            old.pem()?,
        ));
        all.push(Damage::new(
            of_cross,
            vec![own.clone(), cross.under(old)?],
            old.pem()?,
        ));
        all.push(Damage::new(of_root, vec![own, crossed], root.pem()?));
    }
    let limited = new.changed(|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    })?;
    let direct = vec![leaf.under(new)?];
    all.push(Damage::new(
        "a root with path length 0 and no cross below",
        direct.clone(),
        limited.pem()?,
    ));
    let renumbered = new.changed(|params| {
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 20]);
    })?;
    all.push(Damage::new(
        "a root with another key identifier",
        direct,
        renumbered.pem()?,
    ));
    let misled = vec![leaf.under(&renumbered)?];
    all.push(Damage::new(
        "a leaf that names another key identifier",
        misled,
        new.pem()?,
    ));
    Ok(all)
}

fn unknown(is_critical: bool) -> CustomExtension {
    let mut extension =
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55555, 1], vec![5, 0]);
    extension.set_criticality(is_critical);
    extension
}
