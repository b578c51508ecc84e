//! Reports what was done, and what failed and why, in the log and in Events, without repeating it every second.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kube_adapter::{EventWriter, KubeClock, MetadataRisks, Skew, WrongClock};
use rotator_core::{ClockError, Decision, Lane, RecordName, Report, StepError, TargetRef, Why};
use tokio::time::Instant;
use webhook_inject::{Asked, Deadlock};

use crate::{
    doubts::Doubts,
    notice::{Level, Notice, PERMISSION_MISSING},
    words::in_full,
};

/// How often to report the same problem.
const REPEAT: Duration = Duration::from_secs(60);
/// How often to report a clock that stays wrong.
const REPEAT_SKEW: Duration = Duration::from_secs(3600);

/// When to check the clock again after one doubtful answer.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Turns reports into log lines, and into Events if it was given a writer.
#[derive(Debug, Default)]
pub struct Narrator {
    events: Option<(EventWriter, RecordName)>,
    risks: MetadataRisks,
    told: BTreeMap<Lane, (Notice, Instant)>,
    silence_told: Option<Instant>,
    /// Whether the last report said that the API server's certificate is refused.
    is_refusal_told: bool,
    skew_told: Option<Instant>,
    /// The skew that a single answer showed.
    skew_doubted: Option<Skew>,
    waits: BTreeMap<Lane, Why>,
    deadlocks: Vec<(TargetRef, Deadlock)>,
    doubts: Doubts<Accused>,
}

/// What the administrator must correct: the API server's certificate or the clock, or, in a lane, what the reason says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Accused {
    Certificate,
    Clock,
    Lane(Lane, &'static str),
}

impl Narrator {
    /// Writes Events as well. An Event that concerns no serving record concerns the authority record.
    #[must_use]
    pub fn with_events(mut self, events: EventWriter, authority: &RecordName) -> Self {
        self.events = Some((events, authority.clone()));
        self
    }

    /// Reports as well what other controllers do with the Secrets that the stores noted in `risks`.
    #[must_use]
    pub fn with_risks(mut self, risks: MetadataRisks) -> Self {
        self.risks = risks;
        self
    }

    /// Reports what is new in this report.
    pub fn tell(&mut self, report: &Report) {
        self.tell_done(report);
        // What concerns every lane is reported once.
        let silence = Silence::of(report);
        self.forget_doubts(report, silence.as_ref());
        match &silence {
            Some(Silence::Refused(_)) if !self.doubts.is_sure(Accused::Certificate) => {}
            Some(silence) if due(self.silence_told, REPEAT) => {
                self.silence_told = Some(Instant::now());
                self.is_refusal_told = matches!(silence, Silence::Refused(_));
                silence.tell();
            }
            Some(_) => {}
            None => {
                self.silence_told = None;
                self.is_refusal_told = false;
            }
        }
        for (lane, error) in &report.failed {
            if silence.is_none() || !error.is_transient() {
                self.tell_failure(lane, error);
            }
        }
        for (lane, decision) in &report.decisions {
            self.tell_wait(lane, decision);
        }
    }

    /// Reports what was written and found, and not what failed: for a caller that retries and reports that itself.
    pub(crate) fn tell_done(&mut self, report: &Report) {
        for (lane, event) in &report.done {
            self.told.remove(lane);
            for notice in Notice::of_event(lane, event) {
                self.say(&notice);
            }
        }
        for notice in Notice::of_foreign(report) {
            self.say(&notice);
        }
        self.tell_risks();
    }

    /// Warns when the local clock is off by more than `allowance`, by two answers some seconds apart.
    ///
    /// No decision uses that clock, but TLS to the API server does.
    pub fn compare(&mut self, skew: Option<Skew>, allowance: Duration) {
        let Some(skew) = skew else { return };
        if skew.by <= allowance {
            self.skew_doubted = None;
            self.doubts.retain(|what| *what != Accused::Clock);
            if self.skew_told.take().is_some() {
                tracing::info!("the local clock is right again");
            }
        } else if due(self.skew_told, REPEAT_SKEW) {
            let first = *self.skew_doubted.get_or_insert(skew);
            let is_sure = self.doubts.is_sure(Accused::Clock);
            // A certificate refused by the same clock counts as the second answer, which cannot come then.
            if is_sure && (skew.answers > first.answers || self.is_refusal_told) {
                self.tell_skew(skew);
            }
        }
    }

    /// Warns of webhooks that block their own pods: once for each, until it changes.
    pub(crate) fn warn(&mut self, deadlocks: Vec<(TargetRef, Deadlock)>) {
        for found in &deadlocks {
            let (target, deadlock) = found;
            if self.deadlocks.contains(found) {
                continue;
            }
            if matches!(deadlock.asked, Asked::IfLabelled(_)) {
                tracing::info!(%target, "{deadlock}");
            } else {
                self.say(&Notice::of_deadlock(target, deadlock));
            }
        }
        for (target, _) in &self.deadlocks {
            if !deadlocks.iter().any(|(left, _)| left == target) {
                tracing::info!(%target, "no entry is asked any more before what its own pods or certificate depend on");
            }
        }
        self.deadlocks = deadlocks;
    }

    fn tell_skew(&mut self, skew: Skew) {
        self.skew_told = Some(Instant::now());
        self.skew_doubted = None;
        self.say(&Notice::of_skew(skew));
    }

    /// Resolves when every Event is written or given up.
    pub async fn finish(self) {
        if let Some((events, _)) = self.events {
            events.finish().await;
        }
    }

    pub(crate) fn say(&self, notice: &Notice) {
        let Notice {
            level,
            reason,
            lane,
            text,
        } = notice;
        match level {
            Level::Info => tracing::info!(%lane, reason, "{text}"),
            Level::Warn => tracing::warn!(%lane, reason, "{text}"),
            Level::Error => tracing::error!(%lane, reason, "{text}"),
        }
        if let Some((events, authority)) = &self.events
            && let Some(note) = notice.note(authority)
        {
            events.write(note);
        }
    }

    fn tell_risks(&self) {
        for (secret, risks) in self.risks.take_new() {
            let record = RecordName::new(secret.as_str());
            let is_authority = matches!(&self.events, Some((_, authority)) if *authority == record);
            let lane = if is_authority {
                Lane::Authority
            } else {
                Lane::Serving(record)
            };
            self.say(&Notice::of_metadata(&lane, &secret, &risks));
        }
    }

    fn tell_failure(&mut self, lane: &Lane, error: &StepError) {
        let notice = Notice::of_failure(lane, error);
        if error.is_conflict() {
            tracing::debug!(%lane, "another replica was faster: {}", notice.text);
            return;
        }
        if !self.is_sure(&notice) {
            tracing::debug!(%lane, "not told before it is seen again: {}", notice.text);
            return;
        }
        // The text of a passing problem may differ each time: it may contain the time of day.
        let is_same = |told: &Notice| {
            told.level == notice.level && (notice.level == Level::Warn || *told == notice)
        };
        let last = self.told.get(lane).filter(|(told, _)| is_same(told));
        if !due(last.map(|(_, at)| *at), REPEAT) {
            return;
        }
        self.say(&notice);
        self.told.insert(lane.clone(), (notice, Instant::now()));
    }

    /// Whether to report this now: what the administrator must correct has to be seen some seconds before, too.
    ///
    /// A missing permission needs no doubt here: the connection reports it only after the second refusal.
    fn is_sure(&mut self, notice: &Notice) -> bool {
        notice.level != Level::Error
            || notice.reason == PERMISSION_MISSING
            || self
                .doubts
                .is_sure(Accused::Lane(notice.lane.clone(), notice.reason))
    }

    /// Whether something failed that does not pass by itself, and that is sure.
    pub fn needs_help(&mut self, report: &Report) -> bool {
        let mut permanent = report
            .failed
            .iter()
            .filter(|(_, error)| !error.is_transient());
        permanent.any(|(lane, error)| self.is_sure(&Notice::of_failure(lane, error)))
    }

    fn forget_doubts(&mut self, report: &Report, silence: Option<&Silence<'_>>) {
        let is_untried = |(_, decision): &&(Lane, Decision)| {
            matches!(
                decision,
                Decision::Wait(Why::ReadFailed | Why::FailedLately | Why::InexpressibleTime)
            )
        };
        let untried = report.decisions.iter().filter(is_untried);
        let failed = report.failed.iter().map(|(lane, _)| lane);
        let in_doubt: BTreeSet<&Lane> = untried.map(|(lane, _)| lane).chain(failed).collect();
        let is_refused = matches!(silence, Some(Silence::Refused(_)));
        self.doubts.retain(|what| match what {
            Accused::Certificate => is_refused,
            Accused::Clock => true,
            Accused::Lane(lane, _) => in_doubt.contains(lane) || report.decisions.is_empty(),
        });
    }

    fn tell_wait(&mut self, lane: &Lane, decision: &Decision) {
        let Decision::Wait(why) = decision else {
            self.waits.remove(lane);
            return;
        };
        if *why == Why::InexpressibleTime && !self.is_sure(&Notice::of_inexpressible_time(lane)) {
            return;
        }
        if self.waits.insert(lane.clone(), *why) == Some(*why) {
            return;
        }
        match why {
            Why::ForeignLeaf => tracing::info!(
                %lane,
                "serves a certificate of another issuer that callers rely on; it is replaced when every target has held \
                 our root for the dwell"
            ),
            Why::InexpressibleTime => self.say(&Notice::of_inexpressible_time(lane)),
            // `uninjected` knows more about an absent target.
            Why::Settled
            | Why::TargetAbsent
            | Why::Dwelling
            | Why::ReadFailed
            | Why::FailedLately
            | Why::NoAuthority
            | Why::Undone
            | Why::NothingBetter => {}
        }
    }
}

/// A narrator for two reporters: of reports, and of targets.
#[derive(Debug)]
pub(crate) struct Shared(Mutex<Narrator>);

impl Shared {
    pub(crate) fn new(narrator: Narrator) -> Self {
        Self(Mutex::new(narrator))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Narrator> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(feature = "cli")]
    pub(crate) fn into_inner(self) -> Narrator {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the API server is unavailable to every lane.
enum Silence<'a> {
    /// Its certificate is refused.
    Refused(&'a WrongClock),
    /// It does not even tell the time.
    Unheard(&'a ClockError),
}

impl<'a> Silence<'a> {
    fn of(report: &'a Report) -> Option<Self> {
        let errors = report
            .failed
            .iter()
            .map(|(_, error)| -> &(dyn Error + 'static) { error });
        let clock = report
            .clock
            .iter()
            .map(|error| -> &(dyn Error + 'static) { error });
        let refused = errors.chain(clock).find_map(refusal).map(Self::Refused);
        refused.or_else(|| report.clock.as_ref().map(Self::Unheard))
    }

    fn tell(&self) {
        let (what, why) = match self {
            Self::Refused(refused) => ("is not believed", refused.to_string()),
            Self::Unheard(error) => ("does not answer", in_full(*error)),
        };
        tracing::warn!(
            "the API server {what}; what is served stays served, nothing is signed or removed; trying on: {why}"
        );
    }
}

/// Finds the refusal of the API server's certificate in an error and its causes.
pub(crate) fn refusal<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a WrongClock> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// Only warns when the local clock is off, for a process that only serves.
pub(crate) async fn watch_clock(clock: KubeClock, allowance: Duration) {
    let mut narrator = Narrator::default();
    loop {
        let skew = clock.skew();
        narrator.compare(skew, allowance);
        // No answer came yet, or one: the next comes soon.
        let pause = match skew {
            None => Duration::from_secs(1),
            Some(_) if narrator.skew_doubted.is_some() => LOOK_AGAIN,
            Some(_) => REPEAT,
        };
        tokio::time::sleep(pause).await;
    }
}

fn due(last: Option<Instant>, pause: Duration) -> bool {
    last.is_none_or(|at| at.elapsed() >= pause)
}
