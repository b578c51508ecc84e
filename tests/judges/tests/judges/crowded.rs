//! Bundles in which certificates stand that bear a subject of ours: how many Go's verifier bears.

use certgen::{
    Anchor, Bundle, Certificate, Chain, CrossCert, LeafCert, LeafRequest, PrivateKey, RootCert,
    RootRequest, Serial, ServerNames, UnixTime, issue_cross, issue_leaf, issue_root,
};
use judges::{Case, Matrix, Verdict, go, ours};
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rotator_core::{FOREIGN_CAP, FOREIGN_SUBJECT_CAP};

const NAME: &str = "guard.guard-system.svc";
const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;
const GENERATIONS: usize = 6;

#[test]
fn at_the_bound_go_accepts_our_chain_under_each_root_alone() {
    let life = Life::new();
    let subjects = FOREIGN_CAP / FOREIGN_SUBJECT_CAP;
    let mut matrix = Matrix::default();
    matrix.chains.push(life.chain());
    for first in 0..=GENERATIONS - subjects {
        // Four with the subject of each of four roots: more of one subject, or of all, are kept in no entry.
        let crowded = life.roots.iter().skip(first).take(subjects);
        let others: Vec<_> = crowded
            .flat_map(|(root, _)| fakes(root, FOREIGN_SUBJECT_CAP))
            .collect();
        assert_eq!(others.len(), FOREIGN_CAP);
        for (root, _) in &life.roots {
            let bundle = Bundle::new([Anchor::from(root)]).unwrap();
            let bundle = bundle.followed_by(others.iter().cloned());
            ask(&mut matrix, bundle.to_pem());
        }
    }
    let verdicts = verdicts(&matrix);
    assert_eq!(verdicts.len(), 18);
    for (go, ours) in verdicts {
        assert!(go.is_accepted() && ours.is_accepted(), "{go} {ours}");
    }
}

#[test]
fn more_than_a_hundred_with_the_subject_of_our_root_make_go_give_up() {
    let life = Life::new();
    let (newest, _) = life.roots.last().unwrap();
    let mut matrix = Matrix::default();
    matrix.chains.push(life.chain());
    for others in [fakes(newest, 120), ended_variants(newest, 120)] {
        let others: String = others.iter().map(|it| it.to_pem()).collect();
        let all = life.roots.iter().map(|(root, _)| root.to_pem());
        ask(&mut matrix, others + &all.collect::<String>());
    }
    for (go, ours) in verdicts(&matrix) {
        let why = go.to_string();
        assert!(why.contains("signature check attempts limit"), "{why}");
        assert!(!ours.is_accepted(), "{ours}");
    }
}

/// Six generations of ours, each joined to the next, and a leaf of the last.
struct Life {
    roots: Vec<(RootCert, PrivateKey)>,
    crosses: Vec<CrossCert>,
    leaf: LeafCert,
}

impl Life {
    fn new() -> Self {
        let mut roots: Vec<(RootCert, PrivateKey)> = Vec::new();
        let mut crosses = Vec::new();
        for number in 1..=GENERATIONS {
            let key = new_key();
            let request = RootRequest {
                common_name: &format!("guard webhook CA g{number}"),
                serial: serial(),
                not_before: UnixTime::from_secs(NOW - DAY),
                not_after: UnixTime::from_secs(NOW + 300 * DAY),
            };
            let root = issue_root(&request, &key).unwrap();
            if let Some((before, before_key)) = roots.last() {
                let serial = serial();
                crosses.insert(0, issue_cross(&root, serial, before, before_key).unwrap());
            }
            roots.push((root, key));
        }
        let (root, key) = roots.last().unwrap();
        let leaf_key = new_key();
        let request = LeafRequest {
            names: &ServerNames::new([NAME.parse().unwrap()], []).unwrap(),
            public_key: leaf_key.public_key(),
            serial: serial(),
            not_after: UnixTime::from_secs(NOW + 90 * DAY),
        };
        let leaf = issue_leaf(&request, root, key).unwrap();
        Self {
            roots,
            crosses,
            leaf,
        }
    }

    fn chain(&self) -> Vec<Vec<u8>> {
        let chain = Chain::new(self.leaf.clone(), self.crosses.clone());
        let served = [chain.leaf().certificate()].into_iter();
        let served = served.chain(chain.intermediates());
        served.map(|it| it.der().to_vec()).collect()
    }
}

/// The same root but for its key: a verifier that goes by subject and key identifier tries each.
fn fakes(root: &RootCert, count: usize) -> Vec<Anchor> {
    let point = |spki: &[u8]| spki.get(spki.len() - 65..).unwrap().to_vec();
    let ours = point(root.facts().public_key.spki_der());
    let made = (0..count).map(|_| {
        let theirs = point(new_key().public_key().spki_der());
        anchor(root.der(), &ours, &theirs)
    });
    made.collect()
}

/// The same root, key and all, but for its serial number and its end, which is past.
fn ended_variants(root: &RootCert, count: usize) -> Vec<Anchor> {
    let before = root.facts().serial.clone();
    let made = (0..count).map(|number| {
        let mut other = before.clone();
        *other.last_mut().unwrap() ^= u8::try_from(number + 1).unwrap();
        let renumbered = anchor(root.der(), &before, &other);
        let request = RootRequest {
            common_name: "x",
            serial: serial(),
            not_before: UnixTime::from_secs(NOW - DAY),
            not_after: UnixTime::from_secs(NOW - 1),
        };
        let ended = issue_root(&request, &new_key()).unwrap();
        let end = |certificate: &Certificate| {
            let der = certificate.der();
            // UTCTime of 13 characters each: the second is the end.
            let mut times = der.windows(2).enumerate();
            let mut times = times.by_ref().filter(|(_, it)| *it == [0x17, 0x0d]);
            let (_, (at, _)) = (times.next().unwrap(), times.next().unwrap());
            der.get(at..at + 15).unwrap().to_vec()
        };
        let (from, to) = (end(renumbered.certificate()), end(ended.certificate()));
        anchor(renumbered.der(), &from, &to)
    });
    made.collect()
}

/// What is read of a certificate in which every `from` became `to`.
fn anchor(der: &[u8], from: &[u8], to: &[u8]) -> Anchor {
    assert_eq!(from.len(), to.len());
    let mut der = der.to_vec();
    let places = der.windows(from.len()).enumerate();
    let places = places.filter(|(_, it)| *it == from).map(|(at, _)| at);
    let places: Vec<usize> = places.collect();
    assert!(!places.is_empty());
    for at in places {
        der.get_mut(at..at + to.len()).unwrap().copy_from_slice(to);
    }
    let pem = Certificate::from_der(&der).unwrap().to_pem();
    let mut anchors = certgen::parse_bundle(pem.as_bytes()).anchors;
    anchors.remove(0)
}

fn new_key() -> PrivateKey {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    PrivateKey::from_pkcs8_der(pkcs8.as_ref()).unwrap()
}

fn serial() -> Serial {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).unwrap();
    Serial::from_random(bytes)
}

fn ask(matrix: &mut Matrix, bundle: String) {
    let case = Case {
        number: matrix.cases.len(),
        origin: "crowded".to_owned(),
        algorithm: None,
        chain: 0,
        bundle: matrix.bundles.len(),
        name: NAME.to_owned(),
        at: NOW,
        distance: None,
    };
    matrix.bundles.push(bundle.into_bytes());
    matrix.cases.push(case);
}

/// What Go and our own verifier say to each case.
fn verdicts(matrix: &Matrix) -> Vec<(Verdict, Verdict)> {
    let cases: Vec<&Case> = matrix.cases.iter().collect();
    let go = go::judge(matrix, &cases).unwrap();
    let ours = ours::judge(matrix, &cases);
    go.into_iter().zip(ours).collect()
}
