//! Counts how many callers accepted the certificate, and how many refused it and with which alert.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::AlertDescription;

/// Counts handshakes by the issuer of the leaf that was presented. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    by_issuer: VecDeque<(Arc<str>, Handshakes)>,
    callers_refused: u64,
}

/// The handshakes in which leaves of one issuer were presented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshakes {
    /// Handshakes completed on our side.
    ///
    /// In TLS 1.3 a caller may still refuse afterwards, and then counts as refused, too.
    pub completed: u64,
    /// Handshakes that the caller refused because of the certificate.
    pub refused: Refusals,
}

/// Alerts by which callers refuse a certificate (RFC 8446 §6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// `unknown_ca`: the caller trusts no root that the certificate leads to.
    pub unknown_ca: u64,
    /// `bad_certificate`: what Go's TLS sends for every reason that it does not distinguish.
    pub bad_certificate: u64,
    /// `certificate_expired`
    pub certificate_expired: u64,
    /// `certificate_unknown`, `unsupported_certificate`, and `decrypt_error`: rustls sends the last if a trusted root
    /// has the issuer's name and another key.
    pub other: u64,
}

impl Refusals {
    /// Returns the sum of all.
    pub fn total(self) -> u64 {
        [
            self.unknown_ca,
            self.bad_certificate,
            self.certificate_expired,
            self.other,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// How many issuers are counted.
///
/// Each rotation of the CA adds one; the oldest are dropped, so that memory stays bounded.
const ISSUERS: usize = 16;

impl Counters {
    /// Returns the counts by issuer, as [`ServingCert::issuer`](crate::ServingCert::issuer) names it, oldest first.
    pub fn by_issuer(&self) -> Vec<(Arc<str>, Handshakes)> {
        self.lock().by_issuer.iter().cloned().collect()
    }

    /// Returns how often callers refused a certificate, of any issuer.
    pub fn refused(&self) -> u64 {
        (self.lock().by_issuer.iter()).fold(0, |sum, (_, handshakes)| {
            sum.saturating_add(handshakes.refused.total())
        })
    }

    /// Returns how many callers this server refused because they presented no certificate of the
    /// [`ClientCa`](crate::ClientCa).
    pub fn callers_refused(&self) -> u64 {
        self.lock().callers_refused
    }

    pub(crate) fn caller_refused(&self) {
        let mut counts = self.lock();
        counts.callers_refused = counts.callers_refused.saturating_add(1);
    }

    pub(crate) fn completed(&self, issuer: &Arc<str>) {
        self.count(issuer, |handshakes| &mut handshakes.completed);
    }

    /// Counts the alert if it concerns the certificate.
    pub(crate) fn alert(&self, issuer: &Arc<str>, alert: AlertDescription) {
        use AlertDescription as Alert;

        let field: fn(&mut Refusals) -> &mut u64 = match alert {
            Alert::UnknownCA => |refused| &mut refused.unknown_ca,
            Alert::BadCertificate => |refused| &mut refused.bad_certificate,
            Alert::CertificateExpired => |refused| &mut refused.certificate_expired,
            Alert::CertificateUnknown | Alert::UnsupportedCertificate | Alert::DecryptError => {
                |refused| &mut refused.other
            }
            _ => return,
        };
        self.count(issuer, |handshakes| field(&mut handshakes.refused));
    }

    fn count(&self, issuer: &Arc<str>, field: impl Fn(&mut Handshakes) -> &mut u64) {
        let counts = &mut self.lock().by_issuer;
        let add = |handshakes: &mut Handshakes| {
            let value = field(handshakes);
            *value = value.saturating_add(1);
        };
        if let Some((_, handshakes)) = counts.iter_mut().find(|(known, _)| known == issuer) {
            add(handshakes);
            return;
        }
        if counts.len() >= ISSUERS {
            counts.pop_front();
        }
        let mut first = Handshakes::default();
        add(&mut first);
        counts.push_back((Arc::clone(issuer), first));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
