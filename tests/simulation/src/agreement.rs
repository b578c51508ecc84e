//! Calls of simulated lives before two other verifiers: the product's own, and rustls-webpki.

use std::time::Duration;

use certgen::{Certificate, UnixTime, verify};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime as PkiTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring};

use crate::{controller::NAME, judge::Call, world::calls};

#[test]
fn three_verifiers_agree_on_calls_of_simulated_lives() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..40 {
        for call in calls(seed, 137) {
            assert_eq!(
                by_certgen(&call),
                call.is_accepted,
                "certgen, seed {seed}, at {}",
                call.at
            );
            assert_eq!(
                by_webpki(&call),
                call.is_accepted,
                "webpki, seed {seed}, at {}",
                call.at
            );
            *(if call.is_accepted {
                &mut accepted
            } else {
                &mut refused
            }) += 1;
        }
        if accepted + refused > 12_000 && refused > 500 {
            break;
        }
    }
    #[expect(clippy::print_stdout, reason = "a test tells its figures")]
    {
        println!(
            "proved: calls judged by certgen, webpki and the simulation's judge: {} cases, 0 violations",
            accepted + refused
        );
    }
    assert!(accepted + refused >= 10_000 && refused >= 500);
}

fn by_certgen(call: &Call) -> bool {
    let read = |ders: &[Vec<u8>]| -> Vec<Certificate> {
        let certs = ders.iter().map(|der| Certificate::from_der(der).unwrap());
        certs.collect()
    };
    let (chain, anchors) = (read(&call.chain), read(&call.anchors));
    let at = UnixTime::from_secs(call.at);
    verify(&chain[0], &chain[1..], &anchors, NAME, at).is_ok()
}

/// webpki does not look at the dates of an anchor: those that are not valid are left out.
fn by_webpki(call: &Call) -> bool {
    let valid = call.anchors.iter().filter(|der| {
        let cert = Certificate::from_der(der).unwrap();
        let at = UnixTime::from_secs(call.at);
        cert.facts().not_before <= at && at <= cert.facts().not_after
    });
    let ders: Vec<_> = valid
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let anchors = ders
        .iter()
        .map(|der| anchor_from_trusted_cert(der).unwrap());
    let anchors: Vec<_> = anchors.collect();
    let served = call
        .chain
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()));
    let served: Vec<_> = served.collect();
    let leaf = EndEntityCert::try_from(&served[0]).unwrap();
    let at = PkiTime::since_unix_epoch(Duration::from_secs(call.at.unsigned_abs()));
    let algorithms = [
        ring::ECDSA_P256_SHA256,
        ring::ECDSA_P384_SHA384,
        ring::ED25519,
    ];
    let verified = leaf.verify_for_usage(
        &algorithms,
        &anchors,
        &served[1..],
        at,
        KeyUsage::server_auth(),
        None,
        None,
    );
    let name = ServerName::try_from(NAME).unwrap();
    verified.is_ok() && leaf.verify_is_valid_for_subject_name(&name).is_ok()
}
