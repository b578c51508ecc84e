//! How long something takes: the median of several rounds, so that one interruption does not count.

use std::time::Duration;

use tokio::time::Instant;

const ROUNDS: usize = 9;

/// The time of one call of each of two, from rounds of `calls` that take turns: what the machine does besides meets
/// both.
pub(crate) fn in_turn<E>(
    calls: u32,
    mut one: impl FnMut() -> Result<(), E>,
    mut other: impl FnMut() -> Result<(), E>,
) -> Result<(Duration, Duration), E> {
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_one.push(round(calls, &mut one)?);
        of_other.push(round(calls, &mut other)?);
    }
    Ok((median(of_one), median(of_other)))
}

/// The time of one call.
pub(crate) fn alone<E>(calls: u32, mut one: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let rounds = (0..ROUNDS).map(|_| round(calls, &mut one));
    rounds.collect::<Result<Vec<_>, _>>().map(median)
}

fn round<E>(calls: u32, call: &mut impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let began = Instant::now();
    for _ in 0..calls {
        call()?;
    }
    Ok(began.elapsed() / calls)
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
