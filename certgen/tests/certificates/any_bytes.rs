//! Bundles as they are found, and functions that take bytes take any.

use super::pki::{NAME, at, bundle, history, key, serial};
use certgen::{
    Bundle, Certificate, Chain, ChainError, PrivateKey, RootRequest, Skipped, issue_root,
    parse_bundle, verify,
};
use proptest::prelude::*;

#[test]
fn a_bundle_has_the_same_bytes_in_whatever_order_it_was_put_together() {
    let history = history();
    let bundle = bundle(&history);
    let backwards = super::pki::bundle(history.iter().rev().chain([&history[0]]));
    assert_eq!(bundle.to_pem(), backwards.to_pem());
    assert!(bundle.to_pem().ends_with("-----END CERTIFICATE-----\n"));
    let read = Bundle::new(parse_bundle(bundle.to_pem().as_bytes()).anchors).unwrap();
    assert_eq!(read.to_pem(), bundle.to_pem());
    assert!(Bundle::new([]).is_err());
}

#[test]
fn what_an_api_server_tolerates_is_tolerated_and_what_it_skips_is_told() {
    let history = history();
    let pem = bundle([&history[0]]).to_pem();
    let windows = pem.replace('\n', "\r\n");
    let commented = format!("# our CA\n{pem}trailing words");
    let indented = pem.replace('\n', "  \n");
    for text in [&pem, &windows, &commented, &indented] {
        let parsed = parse_bundle(text.as_bytes());
        assert_eq!(
            (parsed.anchors.len(), parsed.skipped.as_slice()),
            (1, &[][..]),
            "{text}"
        );
    }
    let key = include_str!("keys/p256.pkcs8.pem");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let parsed = parse_bundle(format!("{key}{garbage}{pem}{pem}").as_bytes());
    assert_eq!(parsed.anchors.len(), 1);
    let skipped = [
        Skipped::OtherLabel { position: 0 },
        Skipped::NotACertificate { position: 1 },
    ];
    assert_eq!(parsed.skipped, skipped);
}

#[test]
fn two_certificates_without_a_line_end_between_them_are_not_read_as_two() {
    let history = history();
    let (one, two) = (
        bundle([&history[0]]).to_pem(),
        bundle([&history[1]]).to_pem(),
    );
    let parsed = parse_bundle(format!("{}{two}", one.trim_end()).as_bytes());
    assert!(
        parsed.anchors.len() < 2 && !parsed.skipped.is_empty(),
        "{parsed:?}"
    );
}

#[test]
fn a_block_with_headers_or_without_content_hides_none_that_follows() {
    let pem = bundle([&history()[0]]).to_pem();
    let (begin, end) = pem.split_once('\n').unwrap();
    let headed = format!("{begin}\nProc-Type: 4\nDEK-Info: x\n\n{end}");
    let hollow = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    let parsed = parse_bundle(format!("{headed}{hollow}{pem}").as_bytes());
    assert_eq!(parsed.anchors.len(), 1);
    let skipped = [
        Skipped::Headers { position: 0 },
        Skipped::NotACertificate { position: 1 },
    ];
    assert_eq!(parsed.skipped, skipped);
}

#[test]
fn blocks_that_begin_and_cannot_be_read_are_counted() {
    let pem = bundle([&history()[0]]).to_pem();
    let begun = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    let parsed = parse_bundle(format!("{pem}{begun}{begun}").as_bytes());
    assert_eq!(parsed.anchors.len(), 1);
    assert_eq!(parsed.skipped, [Skipped::Undecodable { count: 2 }]);
}

#[test]
fn nothing_after_an_end_that_reads_as_a_header_is_trusted() {
    let pem = bundle(&history()).to_pem();
    let begin = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----";
    // Go takes the second line of the first text for a header, and stops.
    let parsed = parse_bundle(format!("{begin}: old\n{pem}").as_bytes());
    assert_eq!(parsed.anchors.len(), 0, "{parsed:?}");
    assert!(!parsed.skipped.is_empty(), "{parsed:?}");
    let parsed = parse_bundle(format!("{begin}\n{pem}").as_bytes());
    assert_eq!(parsed.anchors.len(), 3, "{parsed:?}");
}

#[test]
fn there_are_three_versions_of_certificates() {
    let mut der = history()[0].root.der().to_vec();
    let marked = [0xa0, 3, 2, 1];
    let mut places = der.windows(marked.len());
    let place = places.position(|bytes| bytes == marked).unwrap() + marked.len();
    for (version, is_read) in [(0, true), (1, true), (2, true), (3, false), (0xff, false)] {
        der[place] = version;
        assert_eq!(Certificate::from_der(&der).is_ok(), is_read, "{version}");
    }
}

/// A valid text or DER with a few bytes changed, cut or doubled, or anything at all.
fn nearly_valid() -> impl Strategy<Value = Vec<u8>> {
    let history = history();
    let sources = [
        bundle(&history).to_pem().into_bytes(),
        history[0].root.der().to_vec(),
        include_bytes!("keys/p256.sec1.pem").to_vec(),
        include_bytes!("keys/rsa.pkcs1.pem").to_vec(),
        Vec::new(),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..8);
    let near = (prop::sample::select(sources.to_vec()), edits).prop_map(|(mut bytes, edits)| {
        for (place, byte, edit) in edits {
            let place = place.index(bytes.len() + 1);
            match (edit, place < bytes.len()) {
                (0, true) => bytes[place] = byte,
                (1, true) => drop(bytes.remove(place)),
                (2, _) => bytes.truncate(place),
                _ => bytes.insert(place, byte),
            }
        }
        bytes
    });
    prop_oneof![4 => near, 1 => prop::collection::vec(any::<u8>(), 0..512)]
}

proptest! {
    #[test]
    fn nothing_panics_whatever_the_bytes(bytes in nearly_valid(), name in ".{0,80}", time in any::<i64>()) {
        let parsed = parse_bundle(&bytes);
        let _ = Chain::from_pem(&bytes);
        let _ = PrivateKey::from_pem(&bytes);
        let _ = PrivateKey::from_pkcs8_der(&bytes);
        let _ = name.parse::<certgen::DnsName>();
        if let Ok(certificate) = Certificate::from_der(&bytes) {
            let _ = certificate.facts().server_names();
            let _ = verify(&certificate, &[], [&certificate], &name, certgen::UnixTime::from_secs(time));
        }
        for anchor in &parsed.anchors {
            let _ = verify(anchor.certificate(), &[], [anchor.certificate()], NAME, at(0));
        }
    }

    #[test]
    fn a_bundle_that_was_read_is_written_and_read_alike(bytes in nearly_valid()) {
        if let Ok(bundle) = Bundle::new(parse_bundle(&bytes).anchors) {
            let again = Bundle::new(parse_bundle(bundle.to_pem().as_bytes()).anchors);
            prop_assert_eq!(again.map(|again| again.to_pem()), Ok(bundle.to_pem()));
        }
    }
}

#[test]
fn a_chain_is_refused_from_the_first_byte_that_no_api_server_reads() {
    let history = history();
    let chain = super::pki::chain(&history, 90);
    let leaf = chain.leaf();
    let cross = history[1].cross.as_ref().unwrap();
    let size = |crosses: usize| 4 + leaf.der().len() + 5 + crosses * (cross.der().len() + 5);
    let most = (262_144 - size(0)) / (cross.der().len() + 5);
    let text = |crosses| leaf.to_pem() + &cross.to_pem().repeat(crosses);
    assert!(Chain::from_pem(text(most).as_bytes()).is_ok());
    let refused = Chain::from_pem(text(most + 1).as_bytes());
    assert_eq!(
        refused,
        Err(ChainError::TooLong {
            size: size(most + 1)
        })
    );
}

#[test]
fn a_subject_is_told_in_one_line_of_bounded_length() {
    let request = RootRequest {
        common_name: &format!("one\nline\u{1b}[2J{}", "x".repeat(100_000)),
        serial: serial(1),
        not_before: at(0),
        not_after: at(100),
    };
    let root = issue_root(&request, &key()).unwrap();
    let subject = &root.facts().subject;
    assert!(
        subject.starts_with("CN=one\u{fffd}line\u{fffd}[2Jxxx"),
        "{subject}"
    );
    assert_eq!(subject.chars().count(), 200);
}
