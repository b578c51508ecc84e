//! What ours reads in a certificate or a bundle, beside what Go reads.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter, Write as _},
    net::IpAddr,
};

use certgen::{Certificate, ExtendedKeyUsage, Facts, KeyUsage, parse_bundle};

use crate::{error::JudgeError, go, mutant::Mutant};

/// What was compared, and each way to differ.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Readings {
    /// How many mutants.
    pub mutants: usize,
    /// How many both read.
    pub read: usize,
    differences: BTreeMap<Difference, Vec<usize>>,
}

/// One way to differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// Go trusts it and we do not see it: a bundle that we write would lack it.
    WeSkip(String),
    /// We see it and Go passes over it, for this reason.
    GoSkips(String),
    /// Both read it, and this fact differs.
    Fact(String),
}

/// Why Go may skip what we read: Go's words begin like this.
const GO_MAY_SKIP: [(&str, &str); 7] = [
    ("P224 point not on curve", NO_KEY),
    ("P256 point not on curve", NO_KEY),
    ("P384 point not on curve", NO_KEY),
    ("P521 point not on curve", NO_KEY),
    ("invalid P", NO_KEY),
    ("x509: cannot parse URI", NO_NAME),
    ("x509: failed to parse", NO_NAME),
];

const NO_KEY: &str =
    "a point that is on no curve, which verifies nothing; in a bundle it does no harm";
const NO_NAME: &str = "a URI, or a constraint on names, that is none; in a bundle it does no harm";

impl Readings {
    /// What nobody has explained, with the numbers of some of the mutants.
    pub fn surprises(&self) -> Vec<String> {
        let surprises = self
            .differences
            .iter()
            .filter(|(difference, _)| difference.why().is_none());
        let told = surprises.map(|(difference, mutants)| {
            let some: Vec<_> = mutants.iter().take(10).collect();
            format!("{difference:?} in {} mutants: {some:?}", mutants.len())
        });
        told.collect()
    }

    fn differ(&mut self, difference: Difference, number: usize) {
        self.differences.entry(difference).or_default().push(number);
    }
}

impl Difference {
    fn why(&self) -> Option<&'static str> {
        let Self::GoSkips(reason) = self else {
            return None;
        };
        let known = GO_MAY_SKIP
            .iter()
            .find(|(beginning, _)| reason.starts_with(beginning));
        known.map(|(_, why)| *why)
    }
}

impl Display for Readings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} mutants, {} of them read by both",
            self.mutants, self.read
        )?;
        for (difference, mutants) in &self.differences {
            let why = difference.why().unwrap_or("NOT EXPLAINED");
            write!(f, "\n{:>6} {difference:?}: {why}", mutants.len())?;
        }
        Ok(())
    }
}

/// Bundles: which certificates are trusted.
///
/// # Errors
///
/// [`JudgeError::NotBuilt`]: run `cargo xtask control-plane`.
pub fn bundles(mutants: &[Mutant]) -> Result<Readings, JudgeError> {
    let answers = go::read("read-bundle", mutants)?;
    let mut readings = Readings::default();
    let mut extra = Vec::new();
    for (number, (mutant, theirs)) in mutants.iter().zip(answers).enumerate() {
        let anchors = parse_bundle(&mutant.bytes).anchors;
        let theirs: Vec<_> = theirs.split(',').filter(|one| !one.is_empty()).collect();
        let mut known = Vec::new();
        for anchor in anchors {
            let fingerprint = anchor.fingerprint().to_string();
            if theirs.contains(&fingerprint.as_str()) {
                known.push(fingerprint);
            } else {
                extra.push((number, anchor.der().to_vec()));
            }
        }
        readings.mutants += 1;
        readings.read += usize::from(!theirs.is_empty());
        if known != theirs {
            readings.differ(Difference::WeSkip("in a bundle".to_owned()), number);
        }
    }
    why_go_skips(&mut readings, extra)?;
    Ok(readings)
}

/// Asks Go about each certificate that only we found in a bundle.
fn why_go_skips(readings: &mut Readings, extra: Vec<(usize, Vec<u8>)>) -> Result<(), JudgeError> {
    let (numbers, ders): (Vec<_>, Vec<_>) = extra.into_iter().unzip();
    let alone = ders.into_iter().map(|bytes| Mutant {
        of: String::new(),
        bytes,
    });
    let answers = go::read("read-certificate", &alone.collect::<Vec<_>>())?;
    for (number, answer) in numbers.into_iter().zip(answers) {
        let reason = answer
            .strip_prefix("refuses: ")
            .unwrap_or("the text around it");
        readings.differ(Difference::GoSkips(reason.to_owned()), number);
    }
    Ok(())
}

/// Certificates: whether they are read, and what they say.
///
/// # Errors
///
/// [`JudgeError::NotBuilt`]: run `cargo xtask control-plane`.
pub fn certificates(mutants: &[Mutant]) -> Result<Readings, JudgeError> {
    let answers = go::read("read-certificate", mutants)?;
    let mut readings = Readings::default();
    for (number, (mutant, theirs)) in mutants.iter().zip(answers).enumerate() {
        readings.mutants += 1;
        let ours = Certificate::from_der(&mutant.bytes);
        match (ours, theirs.strip_prefix("refuses: ")) {
            (Err(_), Some(_)) => {}
            (Err(error), None) => readings.differ(Difference::WeSkip(error.to_string()), number),
            (Ok(_), Some(reason)) => {
                readings.differ(Difference::GoSkips(reason.to_owned()), number);
            }
            (Ok(certificate), None) => {
                readings.read += 1;
                for fact in differing(&facts(certificate.facts()), &theirs) {
                    readings.differ(Difference::Fact(fact), number);
                }
            }
        }
    }
    Ok(readings)
}

/// The names of the facts that differ between two lists of `name=value`.
fn differing(ours: &str, theirs: &str) -> Vec<String> {
    let pairs = ours.split(';').zip(theirs.split(';'));
    let differing = pairs.filter(|(ours, theirs)| ours != theirs);
    let names = differing.map(|(ours, _)| ours.split('=').next().unwrap_or_default().to_owned());
    names.collect()
}

/// What a certificate says, in the words of `tests/go/judge/read.go`.
fn facts(facts: &Facts) -> String {
    let id = |id: &Option<Vec<u8>>| hex(id.as_deref().unwrap_or_default());
    let list = |all: Vec<String>| all.join(",");
    let all: [(&str, String); 15] = [
        ("subject", hex(&facts.raw_subject)),
        ("issuer", hex(&facts.raw_issuer)),
        (
            "serial",
            hex(&facts.serial).trim_start_matches('0').to_owned(),
        ),
        ("from", facts.not_before.as_secs().to_string()),
        ("to", facts.not_after.as_secs().to_string()),
        ("ski", id(&facts.subject_key_id)),
        ("aki", id(&facts.authority_key_id)),
        ("constrained", facts.has_basic_constraints.to_string()),
        ("ca", facts.is_ca.to_string()),
        ("length", or_none(facts.path_len)),
        ("usage", or_none(facts.key_usage.map(usage))),
        ("purpose", or_none(facts.extended_key_usage.map(purpose))),
        (
            "dns",
            list(
                facts
                    .dns_names
                    .iter()
                    .map(|name| hex(name.as_bytes()))
                    .collect(),
            ),
        ),
        ("ip", list(facts.ip_addresses.iter().map(address).collect())),
        ("key", hex(facts.public_key.spki_der())),
    ];
    let all = all.map(|(name, value)| format!("{name}={value}"));
    all.join(";")
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn usage(usage: KeyUsage) -> String {
    let KeyUsage {
        digital_signature,
        cert_sign,
        crl_sign,
        ..
    } = usage;
    format!("sign:{digital_signature},certificates:{cert_sign},lists:{crl_sign}")
}

fn purpose(purpose: ExtendedKeyUsage) -> String {
    let ExtendedKeyUsage {
        any,
        server_auth,
        client_auth,
        ..
    } = purpose;
    format!("any:{any},server:{server_auth},client:{client_auth}")
}

fn address(ip: &IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => hex(&ip.octets()),
        IpAddr::V6(ip) => hex(&ip.octets()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
