//! All processors at once.

use std::{num::NonZero, panic::resume_unwind, thread};

use crate::case::Case;

/// Asks for each of `cases`, in as many threads as there are processors; the answers are in the same order.
pub(crate) fn in_threads<T: Send>(cases: &[&Case], judge: impl Fn(&Case) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = cases.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let judge = &judge;
        let shares: Vec<_> = cases
            .chunks(share)
            .map(|cases| {
                scope.spawn(move || cases.iter().map(|case| judge(case)).collect::<Vec<_>>())
            })
            .collect();
        shares
            .into_iter()
            .flat_map(|share| share.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}
