//! Words that leave out who acts: CONTRIBUTING, "Words".

use std::path::Path;

/// As they stand in a sentence and at its beginning; a name such as `NoBody` is none of them.
const WITHOUT_AN_ACTOR: &[&str] = &[
    "nobody", "Nobody", "somebody", "Somebody", "whoever", "Whoever", "anybody", "Anybody",
];

/// What may have them: rules about them, names of proofs that print them, and tests.
const EXEMPT: &[&str] = &[
    "CONTRIBUTING.md",
    "docs/proof.md",
    "tests/",
    "bench/",
    "fuzz/",
    "xtask/src/words.rs",
];

/// Checks that a text of the product, `path` from the root, names the actor.
pub(crate) fn check(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display().to_string();
    if EXEMPT.iter().any(|exempt| shown.starts_with(exempt)) || shown.contains("/tests/") {
        return Vec::new();
    }
    let mut breaches = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        let found = words.filter(|word| WITHOUT_AN_ACTOR.contains(word));
        breaches.extend(found.map(|word| format!("{shown}:{number}: {word} who? Name the actor")));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_named() {
        let breaches = check(
            Path::new("certgen/src/key.rs"),
            "/// Nobody renews it.\nErr(NoBody::Late)\n// whoever_writes, and somebody else\n",
        );
        assert_eq!(
            breaches,
            [
                "certgen/src/key.rs:1: Nobody who? Name the actor",
                "certgen/src/key.rs:3: somebody who? Name the actor"
            ]
        );
        assert!(check(Path::new("tests/src/load.rs"), "nobody").is_empty());
    }
}
