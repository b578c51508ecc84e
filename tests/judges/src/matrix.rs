//! Every chain × every bundle × one second on each side of every boundary.

use std::collections::{BTreeMap, BTreeSet};

use certgen::{Anchor, Bundle, Certificate, Chain};

use crate::{
    case::{Case, Matrix},
    error::JudgeError,
    life::{DNS, IPV4, IPV6, Length, Life, Lived},
    random::Random,
};

/// The names that callers use; the last two are in no leaf.
const NAMES: [&str; 6] = [
    DNS,
    "quota.hooks.svc",
    IPV4,
    IPV6,
    "guard.other.svc",
    "10.96.0.8",
];

impl Matrix {
    /// What every life published, and one by a policy that follows from the seed; and all that is damaged.
    ///
    /// # Errors
    ///
    /// As for [`Life::live`].
    pub fn generate(seed: u64, length: Length) -> Result<Self, JudgeError> {
        let mut matrix = Self::default();
        let mut random = Random::new(seed);
        let lives = Life::all(length).into_iter();
        for life in lives.chain([Life::by_seed(seed, length)]) {
            let lived = life.live(random.next_u64())?;
            matrix.add_life(&lived, &mut random);
        }
        matrix.add_damaged(random.next_u64())?;
        Ok(matrix)
    }

    /// What a life by a policy that follows from the seed published.
    ///
    /// # Errors
    ///
    /// As for [`Life::live`].
    pub fn fresh(seed: u64) -> Result<Self, JudgeError> {
        let mut matrix = Self::default();
        let mut random = Random::new(seed);
        let lived = Life::by_seed(seed, Length::Short).live(random.next_u64())?;
        matrix.add_life(&lived, &mut random);
        Ok(matrix)
    }

    fn add_life(&mut self, lived: &Lived, random: &mut Random) {
        let (first_chain, first_bundle) = (self.chains.len(), self.bundles.len());
        self.chains.extend(lived.chains.iter().map(presented));
        let bundles = lived.bundles.iter();
        self.bundles
            .extend(bundles.map(|bundle| bundle.to_pem().into_bytes()));
        let generations = generations(lived);
        for (c, chain) in lived.chains.iter().enumerate() {
            for (b, bundle) in lived.bundles.iter().enumerate() {
                let distance = distance(chain, bundle, &generations);
                for at in moments(chain, bundle) {
                    self.add(Case {
                        number: 0,
                        origin: lived.name.to_owned(),
                        algorithm: lived.algorithm,
                        chain: first_chain + c,
                        bundle: first_bundle + b,
                        name: name(random),
                        at,
                        distance: Some(distance),
                    });
                }
            }
        }
    }
}

/// Mostly a name of the leaf, sometimes another.
fn name(random: &mut Random) -> String {
    let known = if random.below(8) == 0 { NAMES.len() } else { 4 };
    let name = NAMES.get(random.below(known)).copied();
    name.unwrap_or(DNS).to_owned()
}

fn presented(chain: &Chain) -> Vec<Vec<u8>> {
    let all = [chain.leaf().certificate()].into_iter();
    let all = all.chain(chain.intermediates());
    all.map(|certificate| certificate.der().to_vec()).collect()
}

/// The last second outside and the first inside, of every validity that plays a part.
fn moments(chain: &Chain, bundle: &Bundle) -> BTreeSet<i64> {
    let chain = [chain.leaf().certificate()]
        .into_iter()
        .chain(chain.intermediates());
    let bundle = bundle.anchors().map(Anchor::certificate);
    chain.chain(bundle).flat_map(boundaries).collect()
}

pub(crate) fn boundaries(certificate: &Certificate) -> [i64; 4] {
    let facts = certificate.facts();
    let (starts, ends) = (facts.not_before.as_secs(), facts.not_after.as_secs());
    [starts - 1, starts, ends, ends + 1]
}

/// Roots' subjects, and which generation each is.
fn generations(lived: &Lived) -> BTreeMap<Vec<u8>, usize> {
    let mut numbers = BTreeMap::new();
    for bundle in &lived.bundles {
        let mut roots: Vec<_> = bundle.anchors().collect();
        roots.sort_by_key(|root| root.facts().not_before);
        for root in roots {
            let next = numbers.len();
            numbers
                .entry(root.facts().raw_subject.clone())
                .or_insert(next);
        }
    }
    numbers
}

fn distance(chain: &Chain, bundle: &Bundle, generations: &BTreeMap<Vec<u8>, usize>) -> usize {
    let generation = |name: &Vec<u8>| generations.get(name).copied().unwrap_or_default();
    let newest = bundle
        .anchors()
        .map(|root| generation(&root.facts().raw_subject))
        .max();
    generation(&chain.leaf().facts().raw_issuer).abs_diff(newest.unwrap_or_default())
}
