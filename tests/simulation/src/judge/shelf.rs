//! Every certificate, bundle and chain that was ever seen, each once, and what was found out about them.

use std::{collections::HashMap, rc::Rc};

use crate::judge::{
    certificate::Cert,
    paths::{Window, windows},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CertId(usize);

/// A set of certificates that a caller trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BundleId(usize);

/// A leaf and what is served with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChainId(usize);

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    certs: Vec<Cert>,
    cert_ids: HashMap<Vec<u8>, CertId>,
    bundles: Vec<Vec<CertId>>,
    bundle_ids: HashMap<Vec<CertId>, BundleId>,
    chains: Vec<Vec<CertId>>,
    chain_ids: HashMap<Vec<CertId>, ChainId>,
    signed: HashMap<(CertId, CertId), bool>,
    windows: HashMap<(ChainId, BundleId), Rc<[Window]>>,
    /// How many signatures were verified.
    pub(crate) signatures: u64,
}

impl Shelf {
    /// None if the bytes are not a certificate.
    pub(crate) fn cert(&mut self, der: &[u8]) -> Option<CertId> {
        if let Some(id) = self.cert_ids.get(der) {
            return Some(*id);
        }
        let cert = Cert::read(der)?;
        let id = CertId(self.certs.len());
        self.certs.push(cert);
        self.cert_ids.insert(der.to_vec(), id);
        Some(id)
    }

    pub(crate) fn get(&self, id: CertId) -> &Cert {
        &self.certs[id.0]
    }

    pub(crate) fn bundle(&mut self, mut certs: Vec<CertId>) -> BundleId {
        certs.sort_unstable();
        certs.dedup();
        if let Some(id) = self.bundle_ids.get(&certs) {
            return *id;
        }
        let id = BundleId(self.bundles.len());
        self.bundles.push(certs.clone());
        self.bundle_ids.insert(certs, id);
        id
    }

    /// In no particular order.
    pub(crate) fn anchors(&self, bundle: BundleId) -> &[CertId] {
        &self.bundles[bundle.0]
    }

    /// The leaf comes first.
    pub(crate) fn chain(&mut self, certs: Vec<CertId>) -> ChainId {
        if let Some(id) = self.chain_ids.get(&certs) {
            return *id;
        }
        let id = ChainId(self.chains.len());
        self.chains.push(certs.clone());
        self.chain_ids.insert(certs, id);
        id
    }

    pub(crate) fn served(&self, chain: ChainId) -> &[CertId] {
        &self.chains[chain.0]
    }

    pub(crate) fn leaf(&self, chain: ChainId) -> &Cert {
        self.get(self.served(chain)[0])
    }

    /// Whether `issuer` is named as the issuer of `child` and its key signed it.
    pub(crate) fn is_signed_by(&mut self, child: CertId, issuer: CertId) -> bool {
        if self.get(child).issuer != self.get(issuer).subject {
            return false;
        }
        if let Some(known) = self.signed.get(&(child, issuer)) {
            return *known;
        }
        let signed = self.get(child).is_signed_by(self.get(issuer));
        self.signatures += 1;
        self.signed.insert((child, issuer), signed);
        signed
    }

    /// When a caller that trusts `bundle` accepts `chain` for the name by which all callers call.
    pub(crate) fn windows(&mut self, chain: ChainId, bundle: BundleId) -> Rc<[Window]> {
        if let Some(known) = self.windows.get(&(chain, bundle)) {
            return Rc::clone(known);
        }
        let found: Rc<[Window]> = windows(self, chain, bundle).into();
        self.windows.insert((chain, bundle), Rc::clone(&found));
        found
    }
}
