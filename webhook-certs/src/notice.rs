//! The messages for the administrator, in one wording for the log and for Events.

use kube_adapter::{FIELD_MANAGER, MetadataRisk, Note, Severity, Skew, TargetStatus};
use rotator_core::{
    Event, FOREIGN_BYTES_CAP, FOREIGN_CAP, FOREIGN_SUBJECT_CAP, ForeignCertificate, ForeignFound,
    Lane, NamesDropped, PatchError, Published, RecordName, Report, StepError, StoreError,
    TargetRef,
};
use webhook_inject::Deadlock;

use crate::words::in_full;

/// The reason of a missing permission.
pub(crate) const PERMISSION_MISSING: &str = "PermissionMissing";

/// One sentence about one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) level: Level,
    /// One word for what happened, as in an Event.
    pub(crate) reason: &'static str,
    pub(crate) lane: Lane,
    pub(crate) text: String,
}

/// Whether the administrator should act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// No action: the cluster changed as it should.
    Info,
    /// No action yet: the problem may pass by itself.
    Warn,
    /// The administrator must act.
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

    /// Reports what was written.
    pub(crate) fn of_event(lane: &Lane, event: &Event) -> Vec<Self> {
        let reason = match event {
            Event::AuthorityCreated { .. } => "AuthorityCreated",
            Event::SuccessorCreated { .. } => "SuccessorCreated",
            Event::Promoted { .. } => "GenerationPromoted",
            Event::Remembered { .. } => "ForeignRootsRemembered",
            Event::Marked { .. } => "TakeOverBegun",
            Event::Unmarked => "TakeOverCalledOff",
            Event::Forgotten { .. } => "EndedRootsForgotten",
            Event::LeafIssued { .. } => "CertificateIssued",
            Event::Published(published) => return of_published(lane, event, published),
        };
        vec![Self::new(Level::Info, reason, lane, event.to_string())]
    }

    /// Reports other parties' certificates that were found.
    pub(crate) fn of_foreign(report: &Report) -> Vec<Self> {
        let found = report.foreign.iter().flat_map(of_foreign);
        let names = report.names_dropped.iter().map(of_names);
        found.chain(names).collect()
    }

    /// Reports what was not read or not written, and what to do about it.
    pub(crate) fn of_failure(lane: &Lane, error: &StepError) -> Self {
        let text = in_full(error);
        if error.is_transient() {
            return Self::new(Level::Warn, "TryingOn", lane, format!("trying on: {text}"));
        }
        Self::new(Level::Error, failure_reason(error), lane, text)
    }

    /// Reports a target that stays without a bundle.
    pub(crate) fn of_uninjected(target: &TargetRef, status: &TargetStatus) -> Self {
        let text = format!("{target} is not injected: {status}");
        let lane = Lane::Target(target.clone());
        Self::new(Level::Warn, "TargetNotInjected", &lane, text)
    }

    /// Reports a date that is due and cannot be encoded.
    pub(crate) fn of_inexpressible_time(lane: &Lane) -> Self {
        Self::new(
            Level::Error,
            "TimeInexpressible",
            lane,
            "a date is due that a certificate cannot carry: look at the clocks of the API servers",
        )
    }

    /// Reports a webhook that intercepts, or may intercept, what it depends on.
    pub(crate) fn of_deadlock(target: &TargetRef, deadlock: &Deadlock) -> Self {
        let lane = Lane::Target(target.clone());
        Self::new(
            Level::Warn,
            "WebhookBlocksItself",
            &lane,
            deadlock.to_string(),
        )
    }

    /// Reports a local clock that is off.
    pub(crate) fn of_skew(skew: Skew) -> Self {
        let text = format!(
            "the local clock is off: {skew}. Certificates are dated by the API servers' clocks; mend the local one, by \
             which the API server's own certificate is judged"
        );
        Self::new(Level::Warn, "ClockSkewed", &Lane::Authority, text)
    }

    /// Reports a Secret that another controller may copy or delete.
    pub(crate) fn of_metadata(lane: &Lane, secret: &str, risks: &[MetadataRisk]) -> Self {
        let more = risks.len().saturating_sub(RISKS_NAMED);
        let mut named: Vec<String> = risks
            .iter()
            .take(RISKS_NAMED)
            .map(ToString::to_string)
            .collect();
        if more > 0 {
            named.push(format!("and {more} more"));
        }
        let text = format!(
            "Secret {secret} is in the hands of another party, too: {}",
            named.join("; ")
        );
        Self::new(Level::Warn, "SecretShared", lane, text)
    }

    /// Makes an Event of this, unless the log is enough.
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
    let writer = writer(published.last_writer.as_deref());
    let mut notices = vec![if published.is_repair {
        let text = format!("{event}; last written by {writer}");
        Notice::new(Level::Warn, "BundleRepaired", lane, text)
    } else {
        Notice::new(Level::Info, "BundleWritten", lane, event.to_string())
    }];
    if published.left_out > 0 {
        let text = format!(
            "{} certificates were taken out of {target} that bear the subject of our CA or were too many (an entry keeps \
             {FOREIGN_CAP} of other issuers, {FOREIGN_SUBJECT_CAP} of one subject, {} KiB); last written by {writer}",
            published.left_out,
            FOREIGN_BYTES_CAP / 1024
        );
        notices.push(Notice::new(Level::Warn, "CertificatesTakenOut", lane, text));
    }
    if let Some(truce) = published.truce {
        let text = format!(
            "our bundle was undone in {target} by {writer}: the next repair waits {} s, unless callers refuse what is \
             served. Let the other writer leave caBundle alone",
            truce.as_secs()
        );
        notices.push(Notice::new(Level::Warn, "BundleUndone", lane, text));
    }
    notices
}

/// Names a writer by the managed fields. Every writer chooses its own name, and may choose ours.
fn writer(last: Option<&str>) -> String {
    match last {
        None => "an unknown writer".to_owned(),
        Some(FIELD_MANAGER) => {
            format!("a writer that calls itself {FIELD_MANAGER}, as this program does")
        }
        Some(writer) => writer.to_owned(),
    }
}

/// How many risks to name; metadata may contain hundreds.
const RISKS_NAMED: usize = 3;

/// How many certificates to name: as many as an Event has room for.
const FOREIGN_NAMED: usize = 3;
/// How many characters of a subject to show; it may have thousands.
const SUBJECT_SHOWN: usize = 80;

fn of_foreign(found: &ForeignFound) -> Vec<Notice> {
    let lane = Lane::Target(found.target.clone());
    let writer = writer(found.last_writer.as_deref());
    let groups = found.certificates.chunks(FOREIGN_NAMED);
    let notices = groups.map(|group| {
        let named: Vec<String> = group.iter().map(in_words).collect();
        let text = format!(
            "certificates of another issuer are trusted in {} until they end: {}; last written by {writer}. If they should \
             not be trusted: webhook-certs disown FINGERPRINT",
            found.target,
            named.join(", ")
        );
        Notice::new(Level::Warn, "ForeignCertificate", &lane, text)
    });
    notices.collect()
}

fn in_words(certificate: &ForeignCertificate) -> String {
    let subject: String = certificate.subject.chars().take(SUBJECT_SHOWN).collect();
    format!(
        "{} ({subject}) in entry {}, ends {}",
        certificate.fingerprint, certificate.entry, certificate.not_after
    )
}

fn of_names(dropped: &NamesDropped) -> Notice {
    let dns = dropped.names.dns().iter();
    let dns = dns.map(|name| format!("--dns-name {name}"));
    let ips = dropped.names.ips().iter().map(|ip| format!("--ip {ip}"));
    let kept_by: Vec<String> = dns.chain(ips).take(NAMES_SHOWN).collect();
    let text = format!(
        "the certificate in {} was issued by another CA and carries names that ours will not: to keep them, give {}",
        dropped.record,
        kept_by.join(" ")
    );
    let lane = Lane::Serving(dropped.record.clone());
    Notice::new(Level::Warn, "NamesNotKept", &lane, text)
}

/// How many names to show: an Event has room for a kilobyte.
const NAMES_SHOWN: usize = 10;

fn failure_reason(error: &StepError) -> &'static str {
    match error {
        StepError::Read(StoreError::Forbidden { .. })
        | StepError::Store(StoreError::Forbidden { .. })
        | StepError::Patch(PatchError::Forbidden { .. })
        | StepError::TargetForbidden { .. } => PERMISSION_MISSING,
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

    fn noted(notice: &Notice) -> Note {
        notice.note(&RecordName::new("guard-ca")).unwrap()
    }
}
