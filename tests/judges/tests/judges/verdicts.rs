//! Four judges over the whole matrix.

use std::{collections::BTreeSet, io::Write as _};

use judges::{Case, Length, Matrix, Tally, Verdict, go, ours, webpki};

#[test]
fn ours_says_what_go_says_to_every_chain_and_bundle() {
    let matrix = Matrix::generate(1, Length::Short).unwrap();
    let cases: Vec<&Case> = matrix.cases.iter().collect();
    assert!(cases.len() >= 10_000, "{}", cases.len());
    let go = go::judge(&matrix, &cases).unwrap();
    assert_eq!(distances_accepted(&cases, &go), (0..=5).collect());

    let go: Vec<&Verdict> = go.iter().collect();
    let ours = Tally::new("certgen", &cases, &go, &ours::judge(&matrix, &cases));
    say(&ours);
    assert_eq!(ours.surprises(&[]), Vec::<String>::new());
    let webpki = Tally::new(
        "rustls-webpki",
        &cases,
        &go,
        &webpki::judge(&matrix, &cases),
    );
    say(&webpki);
    assert_eq!(webpki.surprises(&[]), Vec::<String>::new());
}

/// How far apart leaf and bundle may be, and are accepted.
fn distances_accepted(cases: &[&Case], go: &[Verdict]) -> BTreeSet<usize> {
    let accepted = cases.iter().zip(go).filter(|(_, go)| go.is_accepted());
    accepted.map(|(case, _)| case.distance).collect()
}

/// Shown also when nothing fails.
fn say(tally: &Tally) {
    writeln!(std::io::stderr().lock(), "{tally}").unwrap();
}
