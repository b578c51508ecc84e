//! Logs a repeated error once, and when it is over.

use std::{io, time::Duration};

/// How long without an error until the next one counts as new.
const QUIET: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Trouble {
    errors: u64,
    last: Duration,
}

/// What to log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Begun { error: String },
    Over { errors: u64 },
}

impl Trouble {
    pub(super) fn failed(&mut self, error: &io::Error, now: Duration) -> Option<News> {
        let is_first = self.errors == 0;
        self.errors = self.errors.saturating_add(1);
        self.last = now;
        is_first.then(|| News::Begun {
            error: error.to_string(),
        })
    }

    pub(super) fn accepted(&mut self, now: Duration) -> Option<News> {
        let is_over = self.errors > 0 && now >= self.last.saturating_add(QUIET);
        is_over.then(|| News::Over {
            errors: std::mem::take(&mut self.errors),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_and_when_it_is_over() {
        let mut trouble = Trouble::default();
        let (at, error) = (Duration::from_secs, io::Error::other("no descriptors"));
        let fail = |trouble: &mut Trouble, second| trouble.failed(&error, at(second));
        assert_eq!(trouble.accepted(at(0)), None);
        let begun = News::Begun {
            error: "no descriptors".into(),
        };
        assert_eq!(fail(&mut trouble, 1), Some(begun));
        assert_eq!(fail(&mut trouble, 2), None);
        assert_eq!(trouble.accepted(at(3)), None, "it may come back");
        assert_eq!(fail(&mut trouble, 9), None);
        assert_eq!(trouble.accepted(at(18)), None);
        assert_eq!(trouble.accepted(at(19)), Some(News::Over { errors: 3 }));
        assert_eq!(trouble.accepted(at(20)), None);
        assert!(fail(&mut trouble, 21).is_some(), "another one");
    }
}
