//! The output of the demo: a table that is redrawn on a terminal, a row per rotation elsewhere.

use std::{
    fmt::Write as _,
    io::{Write as _, stdout},
    time::Duration,
};

use certgen::UnixTime;
use kube_adapter::local_time;
use rotator_core::{GenerationNumber, Observation, Seen};
use tokio::{sync::watch, time::Instant};

use super::{LAGS, Lag, caller::Tally};

/// The state of the engine's lane.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// How often a new generation began to sign.
    pub(super) rotations: u64,
    signs: Option<GenerationNumber>,
    waits: Option<GenerationNumber>,
    leaf_ends: Option<UnixTime>,
}

impl Progress {
    /// Takes in what was observed.
    pub(super) fn take(&mut self, known: Option<&Observation>) {
        let Some(known) = known else { return };
        if let Seen::Present(authority) = &known.authority {
            self.signs = Some(authority.active.number);
            self.waits = authority.successor.map(|successor| successor.number);
        }
        let served = known
            .serving
            .first()
            .and_then(|serving| serving.seen.present());
        if let Some(leaf) = served.and_then(|serving| serving.leaf.as_ref()) {
            self.leaf_ends = Some(leaf.not_after);
        }
    }

    fn phase(&self) -> String {
        match (self.signs, self.waits) {
            (None, _) => "starting".into(),
            (Some(signs), None) => format!("generation {signs} signs"),
            (Some(signs), Some(waits)) => {
                format!("generation {signs} signs, {waits} is published first")
            }
        }
    }
}

/// Draws the table.
pub(super) struct Table {
    began: Instant,
    duration: Duration,
    is_live: bool,
    drawn: usize,
    rotations: u64,
}

impl Table {
    /// Makes a table. `is_live`: on a terminal, where lines can be redrawn.
    pub(super) fn new(duration: Duration, is_live: bool) -> Self {
        Self {
            began: Instant::now(),
            duration,
            is_live,
            drawn: 0,
            rotations: 0,
        }
    }

    /// Shows the current state.
    pub(super) fn show(
        &mut self,
        progress: &Progress,
        crossed: &[watch::Receiver<Tally>],
        replaced: &[watch::Receiver<Tally>],
    ) {
        if self.is_live {
            let text = self.draw(progress, crossed, replaced);
            let up = match self.drawn {
                0 => String::new(),
                lines => format!("\x1b[{lines}A\x1b[J"),
            };
            self.drawn = text.lines().count();
            print(&format!("{up}{text}"));
        } else if progress.rotations > self.rotations {
            self.rotations = progress.rotations;
            let (ours, theirs) = (Tally::sum(crossed), Tally::sum(replaced));
            print(&format!(
                "{:>4} s  rotation {}: {}; {} calls, {} refused; without crosses: {} calls, {} refused\n",
                self.began.elapsed().as_secs(),
                progress.rotations,
                progress.phase(),
                ours.calls,
                ours.refused,
                theirs.calls,
                theirs.refused
            ));
        }
    }

    /// Prints the summary.
    pub(super) fn end(rotations: u64, crossed: &Tally, replaced: &Tally) {
        let mut text = String::from("\n");
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "webhook-certs:           {rotations} CA rotations, {} calls, {} refused, {} failed otherwise",
            crossed.calls, crossed.refused, crossed.failed
        );
        let _ = writeln!(
            text,
            "without cross certificates, bundle replaced at once: {} calls, {} refused",
            replaced.calls, replaced.refused
        );
        if !replaced.example.is_empty() {
            let _ = writeln!(text, "  for example: {}", replaced.example);
        }
        print(&text);
    }

    fn draw(
        &self,
        progress: &Progress,
        crossed: &[watch::Receiver<Tally>],
        replaced: &[watch::Receiver<Tally>],
    ) -> String {
        let left = |end: UnixTime| end.as_secs().saturating_sub(local_time().as_secs()).max(0);
        let mut text = format!(
            "{:>3} of {} s   {} rotations   {}   leaf: {} s left\n\n",
            self.began.elapsed().as_secs(),
            self.duration.as_secs(),
            progress.rotations,
            progress.phase(),
            progress.leaf_ends.map_or(0, left),
        );
        text += "                      webhook-certs                    bundle replaced at once\n";
        text += "caller  sees bundles  trusts          calls  refused   trusts    calls  refused\n";
        let rows = LAGS.iter().zip(crossed).zip(replaced).enumerate();
        for (index, ((lag, ours), theirs)) in rows {
            let (ours, theirs) = (ours.borrow(), theirs.borrow());
            let _ = writeln!(
                text,
                "{:<6}  {:<12}  {:<14} {:>6}  {:>7}   {:<8} {:>6}  {:>7}",
                index + 1,
                words(*lag),
                ours.trusts,
                ours.calls,
                ours.refused,
                theirs.trusts,
                theirs.calls,
                theirs.refused
            );
        }
        let (ours, theirs) = (Tally::sum(crossed), Tally::sum(replaced));
        let _ = writeln!(
            text,
            "{:<36} {:>6}  {:>7}   {:<8} {:>6}  {:>7}",
            "all", ours.calls, ours.refused, "", theirs.calls, theirs.refused
        );
        text
    }
}

/// Prints a result.
pub(super) fn result(value: &serde_json::Value) {
    print(&format!("{value}\n"));
}

fn print(text: &str) {
    let mut out = stdout().lock();
    // If the output is closed, the exit code still tells.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn words(lag: Lag) -> String {
    match lag {
        Lag::UpTo(most) => format!("≤ {} s late", most.as_secs_f32()),
        Lag::Always(lag) => format!("{} s late", lag.as_secs()),
    }
}
