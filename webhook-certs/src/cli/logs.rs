//! The log: one line per event on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use super::args::LogFormat;
use crate::unset_if_empty::is_blank;

/// The default filter: kube logs every failed call, while this program logs each failure once.
const QUIET: &str = "info,kube_client=off";

/// Starts the log. Call this once.
pub(super) fn start(format: LogFormat) {
    let filter = filter().unwrap_or_else(|| EnvFilter::new(QUIET));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Returns the filter of `RUST_LOG`. An empty variable counts as unset, as the flags' variables do.
#[expect(
    clippy::disallowed_methods,
    reason = "the log starts before anything is parsed"
)]
fn filter() -> Option<EnvFilter> {
    let directives = std::env::var_os(EnvFilter::DEFAULT_ENV)?;
    if is_blank(&directives) {
        return None;
    }
    EnvFilter::try_from_default_env().ok()
}
