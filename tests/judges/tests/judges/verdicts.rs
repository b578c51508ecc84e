//! Four judges over the whole matrix.

use std::collections::BTreeSet;

use certgen::KeyAlgorithm;
use judges::{
    Case, Explained, Matrix, Tally, Verdict,
    explained::{OPENSSL, OURS_ON_MUTANTS, WEBPKI},
    go, openssl, ours,
    settings::{FIXED_SEED, Settings, fresh_seed},
    webpki,
};

#[test]
fn ours_says_what_go_says_and_the_others_disagree_for_known_reasons_only() {
    let settings = Settings::from_environment();
    let matrix = Matrix::generate(FIXED_SEED, settings.length).unwrap();
    let cases: Vec<&Case> = matrix.cases.iter().collect();
    assert!(cases.len() >= 10_000, "{}", cases.len());
    let go = go::judge(&matrix, &cases).unwrap();
    assert_spread(&cases, &go);

    let run = Run {
        matrix: &matrix,
        go: &go,
        replay: format!("--seed {FIXED_SEED}"),
    };
    let sample = matrix.sample(settings.one_in);
    assert!(sample.len() >= 2_000, "{}", sample.len());
    let folder = tempfile::tempdir().unwrap();
    let openssl = openssl::judge(&matrix, &sample, folder.path()).unwrap();

    let surprises = [
        run.compare("certgen", &cases, &ours::judge(&matrix, &cases), &[]),
        run.compare(
            "rustls-webpki",
            &cases,
            &webpki::judge(&matrix, &cases),
            WEBPKI,
        ),
        run.compare("openssl", &sample, &openssl, OPENSSL),
    ];
    assert!(surprises.concat().is_empty(), "{}", surprises.concat());
}

#[test]
fn nobody_disagrees_on_a_life_that_nobody_has_seen() {
    let seed = fresh_seed();
    println!("fresh seed {seed}");
    let matrix = Matrix::fresh(seed).unwrap();
    let cases: Vec<&Case> = matrix.cases.iter().collect();
    let go = go::judge(&matrix, &cases).unwrap();
    assert!(go.iter().any(Verdict::is_accepted), "fresh seed {seed}");
    let run = Run {
        matrix: &matrix,
        go: &go,
        replay: format!("--fresh --seed {seed}"),
    };
    let surprises = [
        run.compare("certgen", &cases, &ours::judge(&matrix, &cases), &[]),
        run.compare(
            "rustls-webpki",
            &cases,
            &webpki::judge(&matrix, &cases),
            &[],
        ),
    ];
    assert!(surprises.concat().is_empty(), "{}", surprises.concat());
}

#[test]
fn an_anchor_that_says_something_else_is_taken_as_go_takes_it() {
    for seed in [FIXED_SEED, fresh_seed()] {
        let matrix = Matrix::of_mutated_anchors(seed, 10_000).unwrap();
        let cases: Vec<&Case> = matrix.cases.iter().collect();
        let go = go::judge(&matrix, &cases).unwrap();
        let accepted = go.iter().filter(|go| go.is_accepted()).count();
        assert!(accepted > 500, "seed {seed}: {accepted}");
        let run = Run {
            matrix: &matrix,
            go: &go,
            replay: format!("--anchors --seed {seed}"),
        };
        let ours = ours::judge(&matrix, &cases);
        let laxer = go.iter().zip(&ours).filter(|(_, ours)| ours.is_accepted());
        let mut reasons = laxer.map(|(go, _)| go).filter(|go| !go.is_accepted());
        let is_unread = |go: &Verdict| go.to_string().ends_with("unable to load root certificates");
        assert!(reasons.all(is_unread), "seed {seed}");
        let surprises = run.compare("certgen", &cases, &ours, OURS_ON_MUTANTS);
        assert!(surprises.is_empty(), "{surprises}");
    }
}

struct Run<'a> {
    matrix: &'a Matrix,
    go: &'a [Verdict],
    replay: String,
}

impl Run<'_> {
    /// Prints how far the two agree, and tells what nobody has explained.
    fn compare(
        &self,
        judge: &'static str,
        cases: &[&Case],
        theirs: &[Verdict],
        explained: &[Explained],
    ) -> String {
        let go = cases.iter().filter_map(|case| self.go.get(case.number));
        let go: Vec<_> = go.collect();
        let tally = Tally::new(judge, self.matrix, cases, &go, theirs);
        println!("{}", tally.listing(explained));
        let surprises = tally.surprises(explained);
        println!(
            "proved: {judge} beside Go's crypto/x509: {} cases, {} violations",
            cases.len(),
            surprises.len()
        );
        if surprises.is_empty() {
            return String::new();
        }
        let surprises = surprises.join("\n");
        let replay = format!(
            "cargo run --profile proof -p judges -- {} --case N",
            self.replay
        );
        format!("{judge} beside Go\n{surprises}\n{replay}\n")
    }
}

/// Each algorithm and each distance is among what is accepted, and among what is refused.
fn assert_spread(cases: &[&Case], go: &[Verdict]) {
    for is_accepted in [true, false] {
        let of = cases
            .iter()
            .zip(go)
            .filter(|(_, go)| go.is_accepted() == is_accepted);
        let of: Vec<_> = of.map(|(case, _)| case).collect();
        let distances: BTreeSet<_> = of.iter().filter_map(|case| case.distance).collect();
        assert!(distances.is_superset(&(0..=5).collect()), "{distances:?}");
        for algorithm in [
            KeyAlgorithm::P256,
            KeyAlgorithm::P384,
            KeyAlgorithm::Ed25519,
        ] {
            let lived = of.iter().filter(|case| case.distance.is_some());
            let count = lived
                .filter(|case| case.algorithm == Some(algorithm))
                .count();
            assert!(count > 100, "{algorithm} {is_accepted}: {count}");
        }
    }
}
