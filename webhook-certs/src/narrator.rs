//! Says in the log what was done, and what was not and why, without saying it every second.

use std::{collections::BTreeMap, time::Duration};

use rotator_core::{Decision, Event, Lane, Published, Report, StepError, Why};
use tokio::time::Instant;

use crate::words::in_full;

/// The same trouble is told once in this time.
const REPEAT: Duration = Duration::from_secs(60);

/// Turns reports into log lines.
#[derive(Debug, Default)]
pub struct Narrator {
    told: BTreeMap<Lane, (String, Instant)>,
    clock_told: Option<Instant>,
    waits: BTreeMap<Lane, Why>,
}

impl Narrator {
    /// Says what is new in this report.
    pub fn tell(&mut self, report: &Report) {
        for (lane, event) in &report.done {
            self.told.remove(lane);
            tell_event(event);
        }
        for (lane, error) in &report.failed {
            // An API server that does not even tell the time is told of once, below.
            if report.clock.is_none() || !error.is_transient() {
                self.tell_failure(lane, error);
            }
        }
        match &report.clock {
            Some(error) if due(self.clock_told) => {
                self.clock_told = Some(Instant::now());
                tracing::warn!(
                    "the API server does not answer; what is served stays served, nothing is signed or removed; trying \
                     on: {}",
                    in_full(error)
                );
            }
            Some(_) => {}
            None => self.clock_told = None,
        }
        for (lane, decision) in &report.decisions {
            self.tell_wait(lane, decision);
        }
    }

    fn tell_failure(&mut self, lane: &Lane, error: &StepError) {
        let text = in_full(error);
        if error.is_conflict() {
            tracing::debug!(%lane, "somebody else was faster: {text}");
            return;
        }
        let last = self.told.get(lane).filter(|(told, _)| *told == text);
        if !due(last.map(|(_, at)| *at)) {
            return;
        }
        self.told
            .insert(lane.clone(), (text.clone(), Instant::now()));
        if error.is_transient() {
            tracing::warn!(%lane, "trying on: {text}");
        } else {
            tracing::error!(%lane, "{text}");
        }
    }

    fn tell_wait(&mut self, lane: &Lane, decision: &Decision) {
        let Decision::Wait(why) = decision else {
            self.waits.remove(lane);
            return;
        };
        if self.waits.insert(lane.clone(), *why) == Some(*why) {
            return;
        }
        match why {
            Why::TargetAbsent => {
                tracing::info!(%lane, "does not exist; its bundles are written when it appears");
            }
            Why::ForeignLeaf => tracing::info!(
                %lane,
                "serves a certificate that somebody else issued; it is replaced when every target has held our root \
                 for the dwell"
            ),
            Why::InexpressibleTime => tracing::error!(
                %lane,
                "a date is due that a certificate cannot carry: look at the clocks of the API servers"
            ),
            Why::Settled
            | Why::Dwelling
            | Why::ReadFailed
            | Why::FailedLately
            | Why::NoAuthority
            | Why::Undone
            | Why::NothingBetter => {}
        }
    }
}

fn due(last: Option<Instant>) -> bool {
    last.is_none_or(|at| at.elapsed() >= REPEAT)
}

fn tell_event(event: &Event) {
    match event {
        Event::AuthorityCreated { not_after } => {
            tracing::info!(generation = 1, root_ends = %not_after, "authority created");
        }
        Event::SuccessorCreated {
            generation,
            not_after,
        } => tracing::info!(generation, root_ends = %not_after, "successor created"),
        Event::Promoted { generation } => {
            tracing::info!(
                generation,
                "generation signs now; the key before it is destroyed"
            );
        }
        Event::Marked { at } => {
            tracing::info!(%at, "every target trusts us; the dwell before the take-over begins");
        }
        Event::Unmarked => tracing::info!("the dwell before the take-over is called off"),
        Event::Forgotten { generations } => tracing::info!(?generations, "ended roots forgotten"),
        Event::LeafIssued {
            record,
            generation,
            not_after,
            reason,
        } => tracing::info!(
            %record, generation, ends = %not_after,
            "serving certificate issued: {}", reason.as_str()
        ),
        Event::Published(published) => tell_published(published),
    }
}

fn tell_published(published: &Published) {
    let target = &published.target;
    // Whoever removes a field owns nothing of it, so the API server cannot say who it was.
    let writer = published.last_writer.as_deref().unwrap_or("unknown");
    tracing::info!(
        %target, entries = published.entries, certificates = published.certificates, last_writer = writer,
        "bundle written"
    );
    for foreign in &published.foreign {
        tracing::warn!(%target, certificate = %foreign, "a certificate that we did not make is kept until it ends");
    }
    if let Some(truce) = published.truce {
        tracing::warn!(
            %target, last_writer = writer,
            "our bundle was undone; the next repair waits {} s. Let the other writer leave caBundle alone",
            truce.as_secs()
        );
    }
}
