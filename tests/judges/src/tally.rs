//! Where a judge agrees with Go, and how it disagrees.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{case::Case, verdict::Verdict};

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

#[derive(Clone, Debug)]
struct Disagreed {
    cases: usize,
    example: String,
}

impl Tally {
    /// Compares, case by case.
    pub fn new(judge: &'static str, cases: &[&Case], go: &[&Verdict], theirs: &[Verdict]) -> Self {
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
            let class = Class {
                origin: case.origin.clone(),
                is_laxer: theirs.is_accepted(),
            };
            let disagreed = tally.disagreed.entry(class).or_insert_with(|| Disagreed {
                cases: 0,
                example: format!("{case}; Go {go}, {judge} {theirs}"),
            });
            disagreed.cases += 1;
        }
        tally
    }

    /// The classes in which the judge disagreed.
    pub fn classes(&self) -> BTreeSet<Class> {
        self.disagreed.keys().cloned().collect()
    }

    /// The classes that nobody has explained, and the explanations that nothing needs.
    pub fn surprises(&self, explained: &[Explained]) -> Vec<String> {
        let known: BTreeSet<_> = explained.iter().map(Explained::class).collect();
        let unexplained = self
            .disagreed
            .iter()
            .filter(|(class, _)| !known.contains(class));
        let unexplained =
            unexplained.map(|(class, disagreed)| format!("{class}: {}", disagreed.example));
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

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            judge,
            cases,
            agreed,
            disagreed,
        } = self;
        write!(f, "{judge}: {cases} cases, {agreed} as Go")?;
        for (class, disagreed) in disagreed {
            write!(f, "\n    {:>5} {class}", disagreed.cases)?;
        }
        Ok(())
    }
}
