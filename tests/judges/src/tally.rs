//! Where a judge agrees with Go, and how it disagrees.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

use crate::{
    case::{Case, Matrix},
    verdict::Verdict,
};

/// The origin of all cases that are refused as expired in the last second of a certificate.
pub const LAST_SECOND: &str = "the last second of a certificate";

/// One way to disagree with Go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "a class is exactly this")]
pub struct Class {
    /// Where the case comes from.
    pub origin: String,
    /// Whether the judge accepts what Go refuses; else it refuses what Go accepts.
    pub is_laxer: bool,
}

/// A way to disagree with Go that somebody has looked into.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an explanation is exactly this")]
pub struct Explained {
    /// Where the case comes from.
    pub origin: &'static str,
    /// Whether the judge accepts what Go refuses.
    pub is_laxer: bool,
    /// Why.
    pub why: &'static str,
}

/// What one judge said to many cases, beside Go.
#[derive(Clone, Debug)]
pub struct Tally {
    judge: &'static str,
    cases: usize,
    agreed: usize,
    disagreed: BTreeMap<Class, Disagreed>,
}

#[derive(Clone, Debug, Default)]
struct Disagreed {
    cases: usize,
    /// The first of them, in full.
    examples: Vec<String>,
}

/// As many disagreements of one class are told in full.
const EXAMPLES: usize = 10;

impl Tally {
    /// Compares, case by case.
    pub fn new(
        judge: &'static str,
        matrix: &Matrix,
        cases: &[&Case],
        go: &[&Verdict],
        theirs: &[Verdict],
    ) -> Self {
        let mut tally = Self {
            judge,
            cases: 0,
            agreed: 0,
            disagreed: BTreeMap::new(),
        };
        for ((case, go), theirs) in cases.iter().zip(go).zip(theirs) {
            tally.cases += 1;
            if theirs.agrees_with(go) {
                tally.agreed += 1;
                continue;
            }
            let is_laxer = theirs.is_accepted();
            let has_ended = *theirs == Verdict::Refuses("certificate has expired".to_owned());
            let origin = if has_ended && matrix.is_last_second(case) {
                LAST_SECOND.to_owned()
            } else {
                case.origin.clone()
            };
            let class = Class { origin, is_laxer };
            let disagreed = tally.disagreed.entry(class).or_default();
            disagreed.cases += 1;
            if disagreed.examples.len() < EXAMPLES {
                let told = format!("{case}\n    Go {go}\n    {judge} {theirs}");
                disagreed.examples.push(told);
            }
        }
        tally
    }

    /// The classes in which the judge disagreed.
    pub fn classes(&self) -> BTreeSet<Class> {
        self.disagreed.keys().cloned().collect()
    }

    /// How many cases agree, and each way to disagree with its count and the reason.
    pub fn listing(&self, explained: &[Explained]) -> String {
        let mut text = format!(
            "{}: {} cases, {} as Go",
            self.judge, self.cases, self.agreed
        );
        for (class, disagreed) in &self.disagreed {
            let known = explained.iter().find(|known| known.class() == *class);
            let why = known.map_or("NOT EXPLAINED", |known| known.why);
            let _ = write!(text, "\n{:>6} {class}: {why}", disagreed.cases);
        }
        text
    }

    /// The classes that nobody has explained, and the explanations that nothing needs.
    pub fn surprises(&self, explained: &[Explained]) -> Vec<String> {
        let known: BTreeSet<_> = explained.iter().map(Explained::class).collect();
        let unexplained = self
            .disagreed
            .iter()
            .filter(|(class, _)| !known.contains(class));
        let unexplained = unexplained
            .map(|(class, disagreed)| format!("{class}:\n{}", disagreed.examples.join("\n")));
        let classes = self.classes();
        let unneeded = known.iter().filter(|class| !classes.contains(class));
        unexplained
            .chain(unneeded.map(|class| format!("{class}: explained, but not met")))
            .collect()
    }
}

impl Explained {
    fn class(&self) -> Class {
        Class {
            origin: self.origin.to_owned(),
            is_laxer: self.is_laxer,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.is_laxer { "accepts" } else { "refuses" };
        write!(f, "{verb} {}", self.origin)
    }
}
