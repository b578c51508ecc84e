//! Replays every input that the fuzzers found worth keeping.
#![expect(clippy::print_stdout, reason = "`cargo xtask prove` reads the figures")]

use std::{fs, panic::catch_unwind, path::Path};

#[test]
fn every_input_of_the_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, body) in hostile::TARGETS {
        let mut cases = 0;
        let mut violations = Vec::new();
        for entry in fs::read_dir(corpus.join(name)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            if catch_unwind(|| body(&bytes)).is_err() {
                violations.push(path);
            }
            cases += 1;
        }
        println!(
            "proved: any bytes: {name}: {cases} cases, {} violations",
            violations.len()
        );
        assert!(cases > 0, "the corpus of {name} is empty");
        assert!(violations.is_empty(), "{violations:?}");
    }
}
