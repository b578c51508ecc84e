//! Whether every target trusts the certificate that is served.

use certgen::{Bundle, UnixTime};
use rotator_core::{EntryBundle, TargetState, TimeBounds, WebhookPatcher};
use webhook_serve::ServingCert;

/// Whether every entry of every target that exists and may be read accepts `cert` for `name`, at any time within `now`.
///
/// A target that does not exist yet, or may not be read, does not count.
pub(crate) async fn is_trusted(
    cert: &ServingCert,
    patcher: &impl WebhookPatcher,
    name: &str,
    now: TimeBounds,
) -> bool {
    let states = patcher.observe().await;
    states.iter().all(|(_, state)| match state {
        TargetState::Readable(view) => view.entries.iter().all(|entry| match &entry.bundle {
            EntryBundle::Holds(anchors) => {
                Bundle::new(anchors.iter().cloned()).is_ok_and(|bundle| {
                    let accepts = |at: UnixTime| cert.is_accepted_by(&bundle, name, at).is_ok();
                    accepts(now.earliest()) && accepts(now.latest())
                })
            }
            EntryBundle::Empty | EntryBundle::Unusable => false,
        }),
        TargetState::Unavailable => false,
        TargetState::Absent | TargetState::Forbidden { .. } | TargetState::NotInstalled => true,
    })
}
