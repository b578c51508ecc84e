//! What records and bundles say, each read once from the bytes that the product wrote.

use certgen::{Anchor, Certificate, Chain, Fingerprint, parse_bundle};
use rotator_core::{Authority, AuthorityView, GenerationNumber, Record};

use crate::{attacker, interned::Interned, scope::relative};

/// A number of an authority record's content; 0 is absent.
pub(crate) type AuthorityId = u32;
/// A number of a serving record's content; 0 is absent.
pub(crate) type ServingId = u32;
/// A number of a bundle; 0 is the empty one.
pub(crate) type BundleId = u32;
/// A number of a root certificate.
pub(crate) type RootId = u32;
/// A number of a subject.
pub(crate) type SubjectId = u32;
/// A number of a subject with its key: what a certificate is issued by.
pub(crate) type EntityId = u32;

/// Everything that was ever written or about to be.
#[derive(Debug)]
pub(crate) struct Contents {
    entities: Interned<(Vec<u8>, Vec<u8>), ()>,
    subjects: Interned<Vec<u8>, ()>,
    pub(crate) roots: Interned<Fingerprint, RootContent>,
    pub(crate) bundles: Interned<Vec<RootId>, BundleContent>,
    pub(crate) authorities: Interned<Bytes, AuthorityContent>,
    pub(crate) servings: Interned<Bytes, ServingContent>,
}

/// The entries of a record, in order.
type Bytes = Vec<(String, Vec<u8>)>;

/// A CA certificate as a verifier sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CaFacts {
    pub(crate) entity: EntityId,
    pub(crate) subject: SubjectId,
    /// An attacker's key is in it.
    pub(crate) is_foreign: bool,
    /// None: by nobody known.
    pub(crate) issuer: Option<EntityId>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) path_len: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct RootContent {
    pub(crate) anchor: Anchor,
    pub(crate) facts: CaFacts,
}

#[derive(Debug)]
pub(crate) struct BundleContent {
    pub(crate) roots: Vec<(RootId, CaFacts)>,
    pub(crate) anchors: Vec<Anchor>,
}

#[derive(Debug)]
pub(crate) struct AuthorityContent {
    pub(crate) record: Record,
    /// Oldest first; none at all if the record cannot be read.
    pub(crate) generations: Vec<GenerationFacts>,
    pub(crate) active: GenerationNumber,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct GenerationFacts {
    pub(crate) number: GenerationNumber,
    pub(crate) root: RootId,
    pub(crate) facts: CaFacts,
    /// Joins this root and the one before.
    pub(crate) cross: Option<Fingerprint>,
    pub(crate) has_key: bool,
}

#[derive(Debug)]
pub(crate) struct ServingContent {
    pub(crate) record: Record,
    pub(crate) chain: Option<ChainFacts>,
}

/// A served chain as a verifier sees it.
#[derive(Clone, Debug)]
pub(crate) struct ChainFacts {
    pub(crate) leaf: LeafFacts,
    pub(crate) crosses: Vec<CaFacts>,
    pub(crate) fingerprints: Vec<Fingerprint>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct LeafFacts {
    pub(crate) issuer: Option<EntityId>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

impl Contents {
    pub(crate) fn new() -> Self {
        let contents = Self {
            entities: Interned::default(),
            subjects: Interned::default(),
            roots: Interned::default(),
            bundles: Interned::default(),
            authorities: Interned::default(),
            servings: Interned::default(),
        };
        contents.bundle(&[]);
        contents.authority(&Record::new());
        contents.serving(&Record::new());
        contents
    }

    pub(crate) fn root(&self, anchor: &Anchor) -> RootId {
        self.roots.id(anchor.fingerprint(), |_| RootContent {
            anchor: anchor.clone(),
            facts: self.ca_facts(anchor),
        })
    }

    pub(crate) fn bundle(&self, anchors: &[Anchor]) -> BundleId {
        let mut roots: Vec<_> = anchors.iter().map(|anchor| self.root(anchor)).collect();
        roots.sort_unstable();
        self.bundles.id(roots, |roots| {
            let contents: Vec<_> = roots.iter().map(|root| self.roots.value(*root)).collect();
            BundleContent {
                roots: roots
                    .iter()
                    .zip(&contents)
                    .map(|(root, content)| (*root, content.facts))
                    .collect(),
                anchors: contents
                    .iter()
                    .map(|content| content.anchor.clone())
                    .collect(),
            }
        })
    }

    pub(crate) fn authority(&self, record: &Record) -> AuthorityId {
        self.authorities.id(bytes(record), |_| {
            let view = Authority::decode(record)
                .ok()
                .and_then(|authority| authority.view());
            let generations = view.iter().flat_map(AuthorityView::generations);
            AuthorityContent {
                generations: generations
                    .map(|generation| self.generation(record, generation.number))
                    .collect(),
                active: view.as_ref().map_or(0, |view| view.active.number),
                record: record.duplicate(),
            }
        })
    }

    fn generation(&self, record: &Record, number: GenerationNumber) -> GenerationFacts {
        let certificate = |entry: &str| {
            let pem = record.expose(entry)?;
            parse_bundle(pem).anchors.into_iter().next()
        };
        let root = certificate(&format!("gen-{number}.crt")).expect("a root for each generation");
        let id = self.root(&root);
        GenerationFacts {
            number,
            root: id,
            facts: self.roots.value(id).facts,
            cross: certificate(&format!("gen-{number}.cross.crt")).map(|cross| cross.fingerprint()),
            has_key: record.expose(&format!("gen-{number}.key")).is_some(),
        }
    }

    pub(crate) fn serving(&self, record: &Record) -> ServingId {
        self.servings.id(bytes(record), |_| {
            let chain = record
                .expose("tls.crt")
                .and_then(|pem| Chain::from_pem(pem).ok());
            ServingContent {
                chain: chain.as_ref().map(|chain| self.chain_facts(chain)),
                record: record.duplicate(),
            }
        })
    }

    fn chain_facts(&self, chain: &Chain) -> ChainFacts {
        let leaf = chain.leaf().facts();
        ChainFacts {
            leaf: LeafFacts {
                issuer: self.issuer(chain.leaf()),
                not_before: relative(leaf.not_before),
                not_after: relative(leaf.not_after),
            },
            crosses: chain
                .intermediates()
                .iter()
                .map(|cross| self.ca_facts(cross))
                .collect(),
            fingerprints: chain
                .intermediates()
                .iter()
                .map(Certificate::fingerprint)
                .collect(),
        }
    }

    fn ca_facts(&self, certificate: &Certificate) -> CaFacts {
        let facts = certificate.facts();
        CaFacts {
            entity: self.entity(certificate),
            subject: self.subjects.id(facts.raw_subject.clone(), |_| ()),
            is_foreign: facts.public_key.spki_der() == attacker::public_key(),
            issuer: if certificate.is_signed_by(certificate) {
                Some(self.entity(certificate))
            } else {
                self.issuer(certificate)
            },
            not_before: relative(facts.not_before),
            not_after: relative(facts.not_after),
            path_len: facts.path_len,
        }
    }

    fn entity(&self, certificate: &Certificate) -> EntityId {
        let facts = certificate.facts();
        let key = facts.public_key.spki_der().to_vec();
        self.entities.id((facts.raw_subject.clone(), key), |_| ())
    }

    /// Whose key signed it: checked with the signature itself, once.
    fn issuer(&self, certificate: &Certificate) -> Option<EntityId> {
        self.roots
            .find(|root| certificate.is_signed_by(root.anchor.certificate()))
            .map(|root| root.facts.entity)
    }
}

impl AuthorityContent {
    pub(crate) fn newest(&self) -> GenerationNumber {
        self.generations.last().map_or(0, |newest| newest.number)
    }

    /// Whether a certificate bears the subject of a root and is none.
    pub(crate) fn is_impersonated_by(&self, root: RootId, facts: &CaFacts) -> bool {
        let mut generations = self.generations.iter();
        !self.holds(root) && generations.any(|it| it.facts.subject == facts.subject)
    }

    pub(crate) fn holds(&self, root: RootId) -> bool {
        self.generations
            .iter()
            .any(|generation| generation.root == root)
    }
}

impl BundleContent {
    pub(crate) fn holds(&self, root: RootId) -> bool {
        self.roots.iter().any(|(held, _)| *held == root)
    }
}

fn bytes(record: &Record) -> Bytes {
    record
        .expose_entries()
        .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
        .collect()
}
