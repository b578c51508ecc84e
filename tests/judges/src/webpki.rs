//! The verdict of rustls-webpki.

use std::time::Duration;

use certgen::parse_bundle;
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::{
    case::{Case, Matrix},
    threads::in_threads,
    verdict::Verdict,
};

/// What rustls-webpki says to each case. It reads no PEM: the certificates that Go reads in a bundle are its anchors,
/// as far as it takes them.
pub fn judge(matrix: &Matrix, cases: &[&Case]) -> Vec<Verdict> {
    let bundles: Vec<_> = matrix.bundles.iter().map(|pem| anchors(pem)).collect();
    in_threads(cases, |case| {
        let anchors = bundles.get(case.bundle).map_or(&[][..], Vec::as_slice);
        match judge_one(matrix.chain(case), anchors, case) {
            Ok(()) => Verdict::Accepts,
            Err(error) => Verdict::Refuses(format!("{error:?}")),
        }
    })
}

fn anchors(pem: &[u8]) -> Vec<TrustAnchor<'static>> {
    let anchors = parse_bundle(pem).anchors;
    let anchors = anchors.iter().filter_map(|anchor| {
        let der = CertificateDer::from(anchor.der());
        anchor_from_trusted_cert(&der)
            .ok()
            .map(|anchor| anchor.to_owned())
    });
    anchors.collect()
}

fn judge_one(
    chain: &[Vec<u8>],
    anchors: &[TrustAnchor<'_>],
    case: &Case,
) -> Result<(), webpki::Error> {
    let chain: Vec<_> = chain
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let (leaf, above) = chain.split_first().ok_or(webpki::Error::BadDer)?;
    let leaf = EndEntityCert::try_from(leaf)?;
    let seconds = u64::try_from(case.at).map_err(|_| webpki::Error::BadDerTime)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let usage = KeyUsage::server_auth();
    leaf.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        anchors,
        above,
        now,
        usage,
        None,
        None,
    )?;
    let name = ServerName::try_from(case.name.as_str());
    leaf.verify_is_valid_for_subject_name(&name.map_err(|_| webpki::Error::MalformedDnsIdentifier)?)
}
