//! The search for a path from a leaf to an anchor, by the rules of Go's `crypto/x509`.
//!
//! Time enters last: each path is good for the seconds in which all of its certificates are valid, the anchor included. So one
//! search answers for every moment.

use crate::{
    controller::NAME,
    judge::shelf::{BundleId, CertId, ChainId, Shelf},
};

/// From and to, both included.
pub(crate) type Window = (i64, i64);

/// `maxChainSignatureChecks` in Go.
const SIGNATURE_CHECKS: u32 = 100;

/// The seconds in which `chain` is accepted under `bundle`, in order; windows that touch are one.
pub(crate) fn windows(shelf: &mut Shelf, chain: ChainId, bundle: BundleId) -> Vec<Window> {
    let served = shelf.served(chain).to_vec();
    let leaf = shelf.get(served[0]);
    if !leaf.is_named(NAME) || !leaf.may_serve {
        return Vec::new();
    }
    let whole = (leaf.not_before, leaf.not_after);
    if shelf.anchors(bundle).contains(&served[0]) {
        return vec![whole];
    }
    let mut search = Search {
        anchors: shelf.anchors(bundle).to_vec(),
        intermediates: served[1..].to_vec(),
        shelf,
        checks: 0,
        found: Vec::new(),
    };
    search.extend(&mut vec![served[0]], whole);
    if search.checks > SIGNATURE_CHECKS {
        // Go may give up before it meets a good path.
        return Vec::new();
    }
    merged(search.found)
}

struct Search<'a> {
    shelf: &'a mut Shelf,
    anchors: Vec<CertId>,
    intermediates: Vec<CertId>,
    checks: u32,
    found: Vec<Window>,
}

impl Search<'_> {
    fn extend(&mut self, path: &mut Vec<CertId>, window: Window) {
        for anchor in self.anchors.clone() {
            if let Some(window) = self.narrowed(path, anchor, window) {
                self.found.push(window);
            }
        }
        for intermediate in self.intermediates.clone() {
            if let Some(window) = self.narrowed(path, intermediate, window) {
                path.push(intermediate);
                self.extend(path, window);
                path.pop();
            }
        }
    }

    /// The seconds in which `candidate` may stand above `path`, if any.
    fn narrowed(&mut self, path: &[CertId], candidate: CertId, window: Window) -> Option<Window> {
        let child = *path.last().expect("a path begins with its leaf");
        let above = self.shelf.get(candidate);
        if self.shelf.get(child).issuer != above.subject {
            return None;
        }
        self.checks += 1;
        let below = path.len() - 1;
        let is_long = above
            .path_len
            .is_some_and(|allowed| below > usize::try_from(allowed).expect("fits"));
        let repeats = path
            .iter()
            .any(|id| self.shelf.get(*id).is_same_entity(above));
        if repeats || is_long || !above.is_ca || !above.may_sign || !above.may_serve {
            return None;
        }
        let narrowed = (
            window.0.max(above.not_before),
            window.1.min(above.not_after),
        );
        let is_signed = self.shelf.is_signed_by(child, candidate);
        (is_signed && narrowed.0 <= narrowed.1).then_some(narrowed)
    }
}

fn merged(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_unstable();
    let mut merged: Vec<Window> = Vec::new();
    for (from, to) in windows {
        match merged.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// The first second from `from` to `to` that no window covers.
pub(crate) fn first_gap(windows: &[Window], from: i64, to: i64) -> Option<i64> {
    let mut next = from;
    for (first, last) in windows {
        if *first <= next && next <= *last {
            if to <= *last {
                return None;
            }
            next = last + 1;
        }
    }
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_found_to_the_second() {
        let windows = merged(vec![(5, 9), (20, 30), (10, 12)]);
        assert_eq!(windows, [(5, 12), (20, 30)]);
        assert_eq!(first_gap(&windows, 5, 12), None);
        assert_eq!(first_gap(&windows, 5, 13), Some(13));
        assert_eq!(first_gap(&windows, 4, 5), Some(4));
        assert_eq!(first_gap(&windows, 11, 25), Some(13));
        assert_eq!(first_gap(&[], 1, 1), Some(1));
    }
}
