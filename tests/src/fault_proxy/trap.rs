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

    /// Also for a later write: the right one may have ended before this moment, as its sender was killed.
    pub(super) fn is_for(&self, write: u64, moment: Moment) -> bool {
        self.write <= write && self.moment == moment
    }

    /// Whether somebody still waits for it.
    pub(super) fn spring(self, write: String) -> bool {
        self.caught.send(Caught { write }).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two writes at once: the sender was killed at the first, and the second never came to this moment.
    #[test]
    fn a_trap_that_its_write_did_not_reach_is_for_the_next() {
        let (trap, _caught) = Trap::new(4, Moment::After);
        assert!(!trap.is_for(3, Moment::After));
        assert!(!trap.is_for(4, Moment::Before));
        assert!(trap.is_for(4, Moment::After));
        assert!(trap.is_for(5, Moment::After));
    }

    #[test]
    fn a_trap_that_nobody_awaits_stops_nothing() {
        let (trap, caught) = Trap::new(1, Moment::Before);
        assert!(trap.spring("PUT guard-ca".into()));
        assert_eq!(caught.blocking_recv().unwrap().write, "PUT guard-ca");
        let (trap, caught) = Trap::new(1, Moment::Before);
        drop(caught);
        assert!(!trap.spring("PUT guard-ca".into()));
    }
}
