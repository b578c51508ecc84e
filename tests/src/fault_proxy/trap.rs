//! Stops one write, for whoever wants to kill its sender there.

use tokio::sync::oneshot;

/// Where a write is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third moment")]
pub enum Moment {
    /// The API server has not heard of it.
    Before,
    /// The API server has answered, and its sender has not heard.
    After,
}

/// The write that was stopped, as `PUT guard-ca`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caught {
    /// What was to be done.
    pub write: String,
}

#[derive(Debug)]
pub(super) struct Trap {
    write: u64,
    moment: Moment,
    caught: oneshot::Sender<Caught>,
}

impl Trap {
    pub(super) fn new(write: u64, moment: Moment) -> (Self, oneshot::Receiver<Caught>) {
        let (sender, receiver) = oneshot::channel();
        let trap = Self {
            write,
            moment,
            caught: sender,
        };
        (trap, receiver)
    }

    pub(super) fn is_for(&self, write: u64, moment: Moment) -> bool {
        self.write == write && self.moment == moment
    }

    pub(super) fn spring(self, write: String) {
        // Whoever set it may have given up.
        let _ = self.caught.send(Caught { write });
    }
}
