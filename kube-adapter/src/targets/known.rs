//! What is known of one target, and since when nothing new was heard.

use std::time::Duration;

use rotator_core::TargetState;
use tokio::time::Instant;
use webhook_inject::{Deadlock, ObjectView, PassedOver};

use super::{Target, target_view};
use crate::{
    fault::{Fault, Needs},
    target_status::TargetStatus,
};

/// How long a view counts though its watch is broken.
///
/// The API server refuses writes based on a stale view, so this only keeps a restart of one API server from looking
/// like an outage.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Known {
    target: Target,
    last: Last,
    deadlocks: Vec<Deadlock>,
    silent_since: Option<Instant>,
}

#[derive(Debug)]
enum Last {
    Nothing,
    Present(ObjectView),
    Gone,
    Forbidden(Needs),
    NotInstalled,
    Unavailable,
}

impl Known {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            last: Last::Nothing,
            deadlocks: Vec::new(),
            silent_since: None,
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Whether any answer has come yet.
    pub(super) fn is_heard(&self) -> bool {
        !matches!(self.last, Last::Nothing)
    }

    pub(super) fn view(&self) -> Option<&ObjectView> {
        match &self.last {
            Last::Present(view) => Some(view),
            _ => None,
        }
    }

    fn is_stale(&self, now: Instant) -> bool {
        self.silent_since
            .is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE)
    }

    pub(super) fn state(&self, now: Instant) -> TargetState {
        match &self.last {
            Last::Present(_) | Last::Gone if self.is_stale(now) => TargetState::Unavailable,
            Last::Present(view) => TargetState::Readable(target_view(&self.target, view)),
            Last::Gone => TargetState::Absent,
            Last::Forbidden(Needs { verb, object }) => TargetState::Forbidden {
                verb: (*verb).into(),
                object: object.clone(),
            },
            Last::NotInstalled => TargetState::NotInstalled,
            Last::Nothing | Last::Unavailable => TargetState::Unavailable,
        }
    }

    pub(super) fn status(&self, now: Instant) -> TargetStatus {
        match &self.last {
            Last::Present(_) | Last::Gone if self.is_stale(now) => TargetStatus::Unknown,
            Last::Present(view) => status_of(view),
            Last::Gone => TargetStatus::Absent,
            Last::Forbidden(Needs { verb, object }) => TargetStatus::Forbidden {
                verb: (*verb).into(),
                object: object.clone(),
            },
            Last::NotInstalled => TargetStatus::NotInstalled,
            Last::Nothing | Last::Unavailable => TargetStatus::Unknown,
        }
    }

    /// Stores the view. Returns whether a decision, or the status, may depend on the difference.
    pub(super) fn present(&mut self, view: ObjectView, deadlocks: Vec<Deadlock>) -> bool {
        let before = self.view();
        let same = before.is_some_and(|before| {
            before.uid == view.uid
                && before.entries == view.entries
                && before.passed_over == view.passed_over
        });
        if !same {
            self.warn(&view);
        }
        let is_news = self.deadlocks != deadlocks;
        self.deadlocks = deadlocks;
        let was_stale = self.silent_since.take().is_some();
        self.last = Last::Present(view);
        !same || was_stale || is_news
    }

    pub(super) fn deadlocks(&self) -> &[Deadlock] {
        &self.deadlocks
    }

    pub(super) fn gone(&mut self) -> bool {
        let was_gone = matches!(self.last, Last::Gone) && self.silent_since.is_none();
        self.silent_since = None;
        self.deadlocks.clear();
        self.last = Last::Gone;
        !was_gone
    }

    pub(super) fn trouble(&mut self, fault: &Fault) -> bool {
        tracing::debug!(target = %self.target.reference(), ?fault, "a target cannot be watched");
        let last = match fault {
            Fault::Forbidden(needs) => Last::Forbidden(needs.clone()),
            Fault::NotInstalled => Last::NotInstalled,
            _ if matches!(self.last, Last::Present(_) | Last::Gone) => {
                self.silent_since.get_or_insert_with(Instant::now);
                return false;
            }
            _ => Last::Unavailable,
        };
        self.silent_since = None;
        let same = match (&self.last, &last) {
            (Last::Forbidden(before), Last::Forbidden(now)) => before == now,
            (Last::NotInstalled, Last::NotInstalled) | (Last::Unavailable, Last::Unavailable) => {
                true
            }
            _ => false,
        };
        self.last = last;
        !same
    }

    fn warn(&self, view: &ObjectView) {
        let target = self.target.reference();
        for reason in &view.passed_over {
            tracing::warn!(%target, "not kept: {reason}");
        }
    }
}

/// Derives the status.
///
/// A named entry that does not exist counts as missing, whatever else is managed. Entries that call other services, or
/// URLs, beside ours do not.
fn status_of(view: &ObjectView) -> TargetStatus {
    let is_missed = |reason: &&PassedOver| {
        view.entries.is_empty() || matches!(reason, PassedOver::NoSuchEntry { .. })
    };
    let missed: Vec<_> = view.passed_over.iter().filter(is_missed).cloned().collect();
    if missed.is_empty() {
        TargetStatus::Managed {
            entries: view.entries.len(),
        }
    } else {
        TargetStatus::NoUsableEntry(missed)
    }
}
