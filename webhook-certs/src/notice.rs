//! What people are told, in one wording for the log and for Events.

use certgen::{Fingerprint, UnixTime};
use kube_adapter::{FIELD_MANAGER, Note, Severity, Skew};
use rotator_core::{Event, Lane, PatchError, Published, RecordName, StepError, StoreError};

use crate::words::in_full;

/// One sentence about one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) level: Level,
    /// One word for the kind of thing that happened, as in an Event.
    pub(crate) reason: &'static str,
    pub(crate) lane: Lane,
    pub(crate) text: String,
}

/// Who should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Nobody: the cluster changed as it should.
    Info,
    /// Whoever wonders: it goes on by itself.
    Warn,
    /// Somebody must act.
    Error,
}

impl Notice {
    fn new(level: Level, reason: &'static str, lane: &Lane, text: impl Into<String>) -> Self {
        Self {
            level,
            reason,
            lane: lane.clone(),
            text: text.into(),
        }
    }

    /// What was written.
    pub(crate) fn of_event(lane: &Lane, event: &Event) -> Vec<Self> {
        let reason = match event {
            Event::AuthorityCreated { .. } => "AuthorityCreated",
            Event::SuccessorCreated { .. } => "SuccessorCreated",
            Event::Promoted { .. } => "GenerationPromoted",
            Event::Marked { .. } => "TakeOverBegun",
            Event::Unmarked => "TakeOverCalledOff",
            Event::Forgotten { .. } => "EndedRootsForgotten",
            Event::LeafIssued { .. } => "CertificateIssued",
            Event::Published(published) => return of_published(lane, event, published),
        };
        vec![Self::new(Level::Info, reason, lane, event.to_string())]
    }

    /// What was not read or not written, and what to do about it.
    pub(crate) fn of_failure(lane: &Lane, error: &StepError) -> Self {
        let text = in_full(error);
        if error.is_transient() {
            return Self::new(Level::Warn, "TryingOn", lane, format!("trying on: {text}"));
        }
        Self::new(Level::Error, failure_reason(error), lane, text)
    }

    /// A date that is due and cannot be written.
    pub(crate) fn of_inexpressible_time(lane: &Lane) -> Self {
        Self::new(
            Level::Error,
            "TimeInexpressible",
            lane,
            "a date is due that a certificate cannot carry: look at the clocks of the API servers",
        )
    }

    /// A local clock that is off.
    pub(crate) fn of_skew(skew: Skew) -> Self {
        let text = format!(
            "the local clock is off: {skew}. Certificates are dated by the API servers' clocks; mend the local one, by \
             which the API server's own certificate is judged"
        );
        Self::new(Level::Warn, "ClockSkewed", &Lane::Authority, text)
    }

    /// The same as an Event, unless the log is enough.
    pub(crate) fn note(&self, authority: &RecordName) -> Option<Note> {
        if self.reason == "TryingOn" {
            return None;
        }
        let (secret, related) = match &self.lane {
            Lane::Authority => (authority, None),
            Lane::Serving(record) => (record, None),
            Lane::Target(target) => (authority, Some(target.clone())),
        };
        Some(Note {
            severity: match self.level {
                Level::Info => Severity::Normal,
                Level::Warn | Level::Error => Severity::Warning,
            },
            reason: self.reason,
            secret: secret.as_str().to_owned(),
            related,
            text: self.text.clone(),
        })
    }
}

fn of_published(lane: &Lane, event: &Event, published: &Published) -> Vec<Notice> {
    let target = &published.target;
    let other = published
        .last_writer
        .as_deref()
        .filter(|writer| *writer != FIELD_MANAGER);
    // Whoever removes a field owns nothing of it, so the API server cannot say who it was.
    let is_repair = other.is_some() || (published.again && published.last_writer.is_none());
    let writer = other.unwrap_or("unknown");
    let mut notices = vec![if is_repair {
        let text = format!("{event}; who wrote it before: {writer}");
        Notice::new(Level::Warn, "BundleRepaired", lane, text)
    } else {
        Notice::new(Level::Info, "BundleWritten", lane, event.to_string())
    }];
    let kept = published.foreign.iter();
    let kept = kept.map(|foreign| (foreign.fingerprint, foreign.not_after));
    if let Some(kept) = foreign(kept.collect()) {
        let text = format!(
            "certificates that we did not make are kept in {target} until they end: {kept}"
        );
        notices.push(Notice::new(Level::Warn, "ForeignCertificate", lane, text));
    }
    if let Some(truce) = published.truce {
        let text = format!(
            "our bundle was undone in {target} by {writer}: the next repair waits {} s. Let the other writer leave \
             caBundle alone",
            truce.as_secs()
        );
        notices.push(Notice::new(Level::Warn, "BundleUndone", lane, text));
    }
    notices
}

/// A bundle may hold thousands.
const FOREIGN_NAMED: usize = 5;

fn foreign(kept: Vec<(Fingerprint, UnixTime)>) -> Option<String> {
    let more = kept.len().saturating_sub(FOREIGN_NAMED);
    let mut named: Vec<String> = kept
        .into_iter()
        .take(FOREIGN_NAMED)
        .map(|(fingerprint, not_after)| format!("{fingerprint} ends {not_after}"))
        .collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    (!named.is_empty()).then(|| named.join(", "))
}

fn failure_reason(error: &StepError) -> &'static str {
    match error {
        StepError::Read(StoreError::Forbidden { .. })
        | StepError::Store(StoreError::Forbidden { .. })
        | StepError::Patch(PatchError::Forbidden { .. })
        | StepError::TargetForbidden { .. } => "PermissionMissing",
        StepError::Read(StoreError::Unreadable { .. })
        | StepError::Store(StoreError::Unreadable { .. }) => "RecordUnreadable",
        StepError::Patch(PatchError::Refused { .. })
        | StepError::Store(StoreError::Refused { .. } | StoreError::TooLarge { .. }) => {
            "WriteRefused"
        }
        _ => "CertificateNotKept",
    }
}

#[cfg(test)]
mod tests {
    use rotator_core::TargetRef;

    use super::*;

    #[test]
    fn a_missing_permission_is_a_warning_that_says_what_to_grant() {
        let error = StepError::Store(StoreError::Forbidden {
            verb: "update".into(),
            object: "secrets/guard-ca in namespace guard-system".into(),
        });
        let note = noted(&Notice::of_failure(&Lane::Authority, &error));
        assert_eq!(
            (note.severity, note.reason, note.secret.as_str()),
            (Severity::Warning, "PermissionMissing", "guard-ca")
        );
        assert!(note.text.contains("grant update on secrets/guard-ca"));
    }

    #[test]
    fn an_unreadable_record_is_a_warning_about_that_record() {
        let lane = Lane::Serving(RecordName::new("guard-tls"));
        let error = StepError::Read(StoreError::Unreadable {
            object: "secrets/guard-tls in namespace guard-system".into(),
            reason: "delete it, or name another".into(),
        });
        let note = noted(&Notice::of_failure(&lane, &error));
        assert_eq!(
            (note.reason, note.secret.as_str()),
            ("RecordUnreadable", "guard-tls")
        );
        assert!(note.text.contains("delete it, or name another"));
    }

    #[test]
    fn what_mends_itself_is_no_event() {
        let notice = Notice::of_failure(&Lane::Authority, &StepError::TargetUnavailable);
        assert_eq!(notice.level, Level::Warn);
        assert_eq!(notice.note(&RecordName::new("guard-ca")), None);
    }

    #[test]
    fn a_target_is_related_to_its_authority() {
        let target = TargetRef::new("ValidatingWebhookConfiguration", "guard.example.com");
        let error = StepError::TargetForbidden {
            verb: "get".into(),
            object: "it".into(),
        };
        let note = noted(&Notice::of_failure(&Lane::Target(target.clone()), &error));
        assert_eq!(
            (note.secret.as_str(), note.related),
            ("guard-ca", Some(target))
        );
    }

    #[test]
    fn a_bundle_of_thousands_makes_one_short_sentence() {
        let kept = |count| {
            let all =
                (0..count).map(|_| (Fingerprint::from_bytes([0xab; 32]), UnixTime::from_secs(0)));
            foreign(all.collect())
        };
        assert_eq!(kept(0), None);
        let one = "ab".repeat(32) + " ends 1970-01-01T00:00:00Z";
        assert_eq!(kept(1), Some(one));
        let many = kept(10_000).unwrap();
        assert!(
            many.ends_with("and 9995 more") && many.len() < 600,
            "{many}"
        );
    }

    fn noted(notice: &Notice) -> Note {
        notice.note(&RecordName::new("guard-ca")).unwrap()
    }
}
