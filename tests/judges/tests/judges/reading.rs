//! What is read in damaged certificates and bundles.

use judges::{
    mutant::{self, Mutant},
    reading,
    settings::{FIXED_SEED, Settings, fresh_seed},
};

#[test]
fn a_certificate_says_to_us_what_it_says_to_go() {
    let count = Settings::from_environment().mutants;
    read_certificates(FIXED_SEED, count);
    read_certificates(fresh_seed(), 2_000);
}

#[test]
fn no_certificate_that_an_api_server_trusts_is_passed_over_in_a_bundle() {
    let count = Settings::from_environment().mutants;
    read_bundles(FIXED_SEED, count);
    read_bundles(fresh_seed(), 2_000);
}

fn read_certificates(seed: u64, count: usize) {
    let mutants = mutant::certificates(seed, count);
    let readings = reading::certificates(&mutants).unwrap();
    println!("certificates of seed {seed}: {readings}");
    assert!(
        readings.read * 20 > count,
        "only {} are read",
        readings.read
    );
    conclude("certificates", seed, &mutants, &readings);
}

fn read_bundles(seed: u64, count: usize) {
    let mutants = mutant::bundles(seed, count);
    let readings = reading::bundles(&mutants).unwrap();
    println!("bundles of seed {seed}: {readings}");
    assert!(readings.read * 5 > count, "only {} are read", readings.read);
    conclude("bundles", seed, &mutants, &readings);
}

fn conclude(what: &str, seed: u64, mutants: &[Mutant], readings: &reading::Readings) {
    let surprises = readings.surprises();
    println!(
        "proved: mutated {what} read as by Go: {} cases, {} violations",
        mutants.len(),
        surprises.len()
    );
    assert!(
        surprises.is_empty(),
        "{}\ncargo run --profile proof -p judges -- --{what} --seed {seed} --case N",
        surprises.join("\n")
    );
}
