//! Who may sign, by what its certificate says, as Go reads it.

use super::{
    foreign::Foreign,
    pki::{NAME, at},
};
use certgen::{Certificate, CertificateError, VerifyError, parse_bundle, verify};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, DnValue, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints,
};

const KEY_USAGE: &[u64] = &[2, 5, 29, 15];

/// What a caller says to a leaf that `signer` signed, if it trusts `signer`.
fn judge(signer: &Foreign) -> Result<(), VerifyError> {
    let leaf = Foreign::new("leaf", |_| ()).signed_by(signer);
    verify(&leaf, &[], [&signer.self_signed()], NAME, at(0))
}

fn ca(change: impl FnOnce(&mut CertificateParams)) -> Foreign {
    Foreign::new("root", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(params);
    })
}

fn extension(oid: &[u64], content: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(oid, content.to_vec())
}

fn is_refused_as_signer(judged: &Result<(), VerifyError>) -> bool {
    matches!(judged, Err(VerifyError::Signature { issuer }) if issuer.contains("root"))
}

#[test]
fn what_is_not_a_ca_signs_for_nobody() {
    for constraints in [IsCa::ExplicitNoCa, IsCa::NoCa] {
        let signer = Foreign::new("root", |params| params.is_ca = constraints);
        let judged = judge(&signer);
        assert!(is_refused_as_signer(&judged), "{judged:?}");
    }
}

#[test]
fn a_certificate_of_version_1_signs_though_it_cannot_say_that_it_is_a_ca() {
    let found = parse_bundle(include_bytes!("found/version-1.pem"));
    let root = found.anchors[0].certificate();
    assert!(!root.facts().is_ca && root.is_signed_by(root));
}

#[test]
fn a_ca_signs_if_its_key_usage_says_so_or_says_nothing() {
    let usage = |usage| ca(|params| params.key_usages = vec![usage]);
    assert_eq!(judge(&usage(KeyUsagePurpose::KeyCertSign)), Ok(()));
    let judged = judge(&usage(KeyUsagePurpose::CrlSign));
    assert!(is_refused_as_signer(&judged), "{judged:?}");

    let nothing = ca(|params| {
        let no_bits = extension(KEY_USAGE, &[3, 2, 7, 0]);
        params.custom_extensions.push(no_bits);
    });
    assert_eq!(nothing.self_signed().facts().key_usage, None);
    assert_eq!(judge(&nothing), Ok(()));
}

#[test]
fn a_key_of_an_unknown_algorithm_signs_nothing_though_its_bits_would_do() {
    let signer = ca(|_| ());
    let mut der = signer.self_signed().der().to_vec();
    let algorithm = b"\x2a\x86\x48\xce\x3d\x02\x01";
    let place = der
        .windows(7)
        .position(|window| window == algorithm)
        .unwrap();
    der[place + 6] = 2;
    let unknown = Certificate::from_der(&der).unwrap();
    let leaf = Foreign::new("leaf", |_| ()).signed_by(&signer);
    let judged = verify(&leaf, &[], [&unknown], NAME, at(0));
    assert!(is_refused_as_signer(&judged), "{judged:?}");
}

#[test]
fn a_signature_with_sha1_is_none() {
    let parsed = parse_bundle(include_bytes!("keys/sha1.crt.pem"));
    let anchor = parsed.anchors[0].certificate();
    assert!(anchor.facts().is_ca && !anchor.is_signed_by(anchor));
}

#[test]
fn another_key_of_the_same_name_did_not_sign() {
    let (signer, namesake) = (ca(|_| ()), ca(|_| ()));
    let leaf = Foreign::new("leaf", |_| ()).signed_by(&signer);
    let judged = verify(&leaf, &[], [&namesake.self_signed()], NAME, at(0));
    assert!(is_refused_as_signer(&judged), "{judged:?}");
}

#[test]
fn a_ca_that_says_what_is_not_understood_signs_for_nobody() {
    let unknown = ca(|params| {
        let mut unknown = extension(&[1, 2, 3, 4], &[5, 0]);
        unknown.set_criticality(true);
        params.custom_extensions.push(unknown);
    });
    let constrained = ca(|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(NAME.to_owned())],
            excluded_subtrees: Vec::new(),
        });
    });
    for signer in [unknown, constrained] {
        let judged = judge(&signer);
        assert!(
            matches!(judged, Err(VerifyError::Critical { .. })),
            "{judged:?}"
        );
    }
}

#[test]
fn a_known_extension_that_cannot_be_read_makes_no_certificate() {
    const AUTHORITY_INFORMATION: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
    let known = [14, 15, 17, 19, 30, 31, 32, 33, 35, 36, 37, 54].map(|last| vec![2, 5, 29, last]);
    for id in known.into_iter().chain([AUTHORITY_INFORMATION.to_vec()]) {
        let leaf = Foreign::new("leaf", |params| {
            params.subject_alt_names.clear();
            params.custom_extensions.push(extension(&id, &[0xff]));
        });
        let der = leaf.params.self_signed(&leaf.key).unwrap();
        let read = Certificate::from_der(der.der());
        assert_eq!(read, Err(CertificateError::Malformed), "{id:?}");
    }
}

#[test]
fn a_name_is_read_if_each_of_its_strings_is_one_of_its_kind() {
    let strings = [
        (
            DnValue::PrintableString("guard".try_into().unwrap()),
            &b"guar@"[..],
        ),
        (DnValue::Ia5String("guard".try_into().unwrap()), b"guar\xff"),
        (DnValue::Utf8String("guard".to_owned()), b"guar\xff"),
        (
            DnValue::TeletexString("guard".try_into().unwrap()),
            b"guard",
        ),
        (DnValue::BmpString("ab".try_into().unwrap()), b"\xd8\0\0b"),
    ];
    for (string, damaged) in strings {
        let leaf = Foreign::new("leaf", |params| {
            params
                .distinguished_name
                .push(DnType::OrganizationName, string.clone());
        });
        let der = leaf.self_signed().der().to_vec();
        let sound = match &string {
            DnValue::BmpString(_) => &b"\0a\0b"[..],
            _ => b"guard",
        };
        let mut changed = der.clone();
        for place in 0..der.len() - sound.len() {
            if der[place..].starts_with(sound)
                && der[place - 1] == u8::try_from(sound.len()).unwrap()
            {
                changed[place..place + sound.len()].copy_from_slice(damaged);
            }
        }
        let is_any = matches!(string, DnValue::TeletexString(_));
        assert_eq!(
            Certificate::from_der(&changed).is_ok(),
            is_any,
            "{string:?}"
        );
    }
}
