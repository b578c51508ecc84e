//! Our verdict: `certgen::verify`, on all processors.

use certgen::{Anchor, Certificate, ParsedBundle, UnixTime, parse_bundle, verify};

use crate::{
    case::{Case, Matrix},
    threads::in_threads,
    verdict::Verdict,
};

/// What ours says to each case.
pub fn judge(matrix: &Matrix, cases: &[&Case]) -> Vec<Verdict> {
    let chains: Vec<_> = matrix.chains.iter().map(|chain| read(chain)).collect();
    let bundles: Vec<_> = matrix.bundles.iter().map(|pem| parse_bundle(pem)).collect();
    in_threads(cases, |case| {
        let (Some(chain), Some(bundle)) = (chains.get(case.chain), bundles.get(case.bundle)) else {
            return Verdict::Refuses("no such chain or bundle".to_owned());
        };
        judge_one(chain, bundle, case)
    })
}

fn read(chain: &[Vec<u8>]) -> Result<Vec<Certificate>, String> {
    let certificates = chain.iter().map(|der| Certificate::from_der(der));
    certificates
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

fn judge_one(
    chain: &Result<Vec<Certificate>, String>,
    bundle: &ParsedBundle,
    case: &Case,
) -> Verdict {
    if bundle.anchors.is_empty() {
        return Verdict::Refuses("the bundle has no certificate".to_owned());
    }
    let (leaf, intermediates) = match chain.as_deref().map(<[_]>::split_first) {
        Ok(Some(chain)) => chain,
        Ok(None) => return Verdict::Refuses("the chain is empty".to_owned()),
        Err(error) => return Verdict::Refuses(error.clone()),
    };
    let anchors = bundle.anchors.iter().map(Anchor::certificate);
    let at = UnixTime::from_secs(case.at);
    match verify(leaf, intermediates, anchors, &case.name, at) {
        Ok(()) => Verdict::Accepts,
        Err(error) => Verdict::Refuses(error.to_string()),
    }
}
