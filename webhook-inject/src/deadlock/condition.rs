//! Evaluates a `matchConditions` expression of a plain form for a request.
//!
//! Plain are `true`, `false`, `request.namespace`, `request.userInfo.username`, `request.resource.resource` and
//! `request.resource.group` compared with a string (`==`, `!=`, `in […]`, `.startsWith(…)`), a string `in
//! request.userInfo.groups`, and these joined by `!(…)`, `&&`, `||` and parentheses. The truth of any other expression
//! is unknown.

use alloc::vec::Vec;

use super::{
    answer::Truth,
    needed::{Needed, Place},
};

/// How deep a plain expression nests; the truth of deeper ones is unknown.
const DEPTH: usize = 16;

/// A request, as a condition sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) needed: &'a Needed,
    /// The namespace of our Service.
    pub(super) own: &'a str,
}

impl Request<'_> {
    pub(super) fn satisfies(self, expression: &str) -> Truth {
        // Escapes, comments, long strings and conditionals change what the rest means.
        let is_plain = ["\\", "//", "?", "\"\"\"", "'''"]
            .iter()
            .all(|unplain| !expression.contains(unplain));
        if is_plain {
            self.holds(expression, DEPTH)
        } else {
            Truth::Unknown
        }
    }

    fn holds(self, text: &str, depth: usize) -> Truth {
        let (text, Some(deeper)) = (text.trim(), depth.checked_sub(1)) else {
            return Truth::Unknown;
        };
        let (Some(any), Some(all)) = (split(text, "||"), split(text, "&&")) else {
            return Truth::Unknown;
        };
        if any.len() > 1 {
            return Truth::any(any.into_iter().map(|part| self.holds(part, deeper)));
        }
        if all.len() > 1 {
            return Truth::all(all.into_iter().map(|part| self.holds(part, deeper)));
        }
        if let Some(inner) = in_parentheses(text) {
            return self.holds(inner, deeper);
        }
        match text.strip_prefix('!').map(str::trim) {
            Some(rest) => match in_parentheses(rest) {
                Some(inner) => self.holds(inner, deeper).negated(),
                // `!a == b` is not `!(a == b)`.
                None => self.is_called(rest).negated(),
            },
            None => self.compares(text),
        }
    }

    fn compares(self, text: &str) -> Truth {
        let pair = |operator| {
            let parts = split(text, operator)?;
            <[&str; 2]>::try_from(parts).ok()
        };
        if let Some([one, other]) = pair("==") {
            return self.equals(one, other);
        }
        if let Some([one, other]) = pair("!=") {
            return self.equals(one, other).negated();
        }
        if let Some([one, list]) = pair(" in ") {
            return self.is_listed(one.trim(), list.trim());
        }
        self.is_called(text)
    }

    fn equals(self, one: &str, other: &str) -> Truth {
        match (literal(one), literal(other)) {
            (None, Some(text)) => self.field(one.trim(), Test::Is(text)),
            (Some(text), None) => self.field(other.trim(), Test::Is(text)),
            _ => Truth::Unknown,
        }
    }

    fn is_listed(self, one: &str, list: &str) -> Truth {
        if let Some(group) = literal(one) {
            return match list {
                "request.userInfo.groups" => self.needed.writer.is_in(group, self.own),
                _ => Truth::Unknown,
            };
        }
        let inside = list
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let Some(items) = inside.and_then(|inside| split(inside, ",")) else {
            return Truth::Unknown;
        };
        Truth::any(items.into_iter().map(|item| match literal(item) {
            Some(text) => self.field(one, Test::Is(text)),
            None => Truth::Unknown,
        }))
    }

    /// Evaluates `true`, `false` and `….startsWith("…")`.
    fn is_called(self, text: &str) -> Truth {
        match text {
            "true" => return Truth::True,
            "false" => return Truth::False,
            _ => {}
        }
        let call = text.split_once(".startsWith");
        let start = call.and_then(|(_, rest)| literal(in_parentheses(rest.trim())?));
        match (call, start) {
            (Some((field, _)), Some(start)) => self.field(field.trim(), Test::StartsWith(start)),
            _ => Truth::Unknown,
        }
    }

    fn field(self, name: &str, test: Test<'_>) -> Truth {
        let Needed {
            group,
            resource,
            writer,
            ..
        } = *self.needed;
        match (name, test) {
            ("request.userInfo.username", Test::Is(user)) => writer.is(user, self.own),
            ("request.userInfo.username", Test::StartsWith(start)) => {
                writer.starts_with(start, self.own)
            }
            ("request.resource.group", test) => test.of(group),
            ("request.resource.resource", test) => {
                test.of(resource.split('/').next().unwrap_or_default())
            }
            ("request.namespace", test) => match self.needed.place {
                Place::Own => test.of(self.own),
                Place::Of(namespace) => test.of(namespace),
                // A request of no namespace has no such field, and a condition that asks for it does not exclude the
                // request.
                Place::Itself | Place::Cluster => Truth::Unknown,
            },
            _ => Truth::Unknown,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Test<'a> {
    Is(&'a str),
    StartsWith(&'a str),
}

impl Test<'_> {
    fn of(self, value: &str) -> Truth {
        match self {
            Self::Is(text) => value == text,
            Self::StartsWith(text) => value.starts_with(text),
        }
        .into()
    }
}

/// The content of a string in quotes.
fn literal(text: &str) -> Option<&str> {
    let text = text.trim();
    ['"', '\''].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    })
}

/// The text between the parentheses, if they belong together and enclose all of it.
fn in_parentheses(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    // `(a) || (b)` begins and ends with a parenthesis, too.
    split(inner, "\0").map(|_| inner)
}

/// Splits a text at the separators outside of strings and brackets; `None` if those are not closed.
fn split<'a>(text: &'a str, separator: &str) -> Option<Vec<&'a str>> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut quote, mut depth) = (None, 0_usize);
    for (at, character) in text.char_indices() {
        let is_free = quote.is_none() && depth == 0;
        if is_free && at >= begin && text.get(at..)?.starts_with(separator) {
            parts.push(text.get(begin..at)?);
            begin = at + separator.len();
        }
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    parts.push(text.get(begin..)?);
    (quote.is_none() && depth == 0).then_some(parts)
}
