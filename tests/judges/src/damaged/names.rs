//! Names that fit, nearly fit, and do not.

use rcgen::{DnType, SanType};

use super::{Damage, workshop::Workshop};
use crate::error::JudgeError;

/// Names as a caller may ask for them.
const ASKED: &[&str] = &[
    "guard.guard-system.svc",
    "GUARD.Guard-System.SVC",
    "guard.guard-system.svc.",
    "guard.guard-system",
    "guard-system.svc",
    "x.guard.guard-system.svc",
    "a.b.guard.guard-system.svc",
    "guard_x.guard-system.svc",
    "10.96.0.7",
    "::ffff:10.96.0.7",
    "10.96.0.8",
    "fd00::7",
    "fd00:0:0:0:0:0:0:7",
    "7.0.96.10",
    "xn--mller-kva.guard-system.svc",
];

pub(super) fn all(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    let mut all = Vec::new();
    for (origin, dns, ips) in [
        (
            "a leaf for a Service and an address",
            &["guard.guard-system.svc"][..],
            &["10.96.0.7"][..],
        ),
        (
            "a leaf for a Service in capitals",
            &["Guard.GUARD-system.svc"],
            &[],
        ),
        (
            "a leaf for a Service with a final dot",
            &["guard.guard-system.svc."],
            &[],
        ),
        (
            "a leaf with a wildcard",
            &["*.guard-system.svc"],
            &["fd00::7"],
        ),
        (
            "a leaf with a wildcard above",
            &["*.guard.guard-system.svc"],
            &[],
        ),
        ("a leaf with a wildcard not leftmost", &["guard.*.svc"], &[]),
        (
            "a leaf with half a wildcard",
            &["gu*.guard-system.svc"],
            &[],
        ),
        ("a leaf with a wildcard alone", &["*"], &[]),
        ("a leaf with an address as DNS name", &["10.96.0.7"], &[]),
        (
            "a leaf with an underscore in its name",
            &["guard_x.guard-system.svc"],
            &[],
        ),
        (
            "a leaf with an address in its other notation",
            &[],
            &["::ffff:10.96.0.7"],
        ),
        ("a leaf without alternative names", &[], &[]),
    ] {
        let leaf = shop.leaf.changed(|params| {
            let dns = dns.iter().filter_map(|name| (*name).try_into().ok());
            let ips = ips.iter().filter_map(|ip| ip.parse().ok());
            let dns = dns.map(SanType::DnsName);
            params.subject_alt_names = dns.chain(ips.map(SanType::IpAddress)).collect();
            let mut subject = rcgen::DistinguishedName::new();
            subject.push(DnType::CommonName, "guard.guard-system.svc");
            params.distinguished_name = subject;
        })?;
        let damage = Damage::new(origin, vec![leaf.under(&shop.new)?], shop.new.pem()?);
        all.push(damage.called(ASKED));
    }
    Ok(all)
}
