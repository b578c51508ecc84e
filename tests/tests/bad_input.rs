//! What the program says to whoever made a mistake: one sentence, the right exit code, and nothing is lost.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "bad_input/cluster.rs"]
mod cluster;
#[path = "bad_input/flags.rs"]
mod flags;
#[path = "bad_input/once.rs"]
mod once;

/// One control plane at a time: they are not small.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// No sentence for a user has any of these in it.
const NOT_FOR_USERS: &[&str] = &["panicked", "backtrace", "Error {", "Err(", "Some("];

fn check_words(log: &str) {
    for words in NOT_FOR_USERS {
        assert!(!log.contains(words), "{words} in: {log}");
    }
}
