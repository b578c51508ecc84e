//! A model checker over the real decision and step: every state that a small cluster can come to, not a sample of them.
//!
//! # What runs
//!
//! [`Rotator::step`](rotator_core::Rotator::step) itself, with real records, keys and certificates, over ports in memory.
//! Nothing of the decision or of carrying it out is written again here. A step is run with the answers that its ports
//! have given so far, up to the calls that nobody has answered (`replay`). So a controller in the middle of a step *is*
//! what it has been told, and can be stopped, forked and continued at each of its calls. Keys and serials follow from when
//! and for which generation they are asked for (`chance`), and Ed25519 signs the same each time: equal histories have
//! equal bytes, and every content is known by a small number (`contents`, `interned`). What follows from the same
//! answers is computed once.
//!
//! # What can happen, in any order
//!
//! * A second passes. Seconds are the ticks, so that each deadline of the plan is met on both sides.
//! * A controller begins a step: it reads the targets, each as it stands or as it stood at any time before or not at
//!   all, the serving record, the authority, and asks for the time: at once, or each at its own moment. A record may not
//!   be answered for, or arrive damaged.
//! * One of its calls arrives, at any time later, together with those of another controller in any order. It is carried
//!   out if what it saw still stands there. Its answer comes back or is lost.
//! * A controller crashes between any two calls.
//! * Somebody puts any older bundle into a target, also the empty one.
//! * An attacker with one right writes once: a leaf of his own CA into the serving record, which lists that CA; or that CA, or
//!   one that bears the subject of a root, into one target.
//!
//! # What must hold
//!
//! * In every state every caller accepts every replica, by Go's rules (`go_rules`, written apart from the product's
//!   verifier, on facts), if a root of the one's bundle and the other's leaf are valid by the caller's clock.
//! * Every write that wins keeps the invariants I0 to I6 and I8, and the keys that are needed, and no other (`breach`).
//! * No caller accepts the attacker's leaf, and no write puts his certificates where he may not (I10).
//! * From every state, if all that was begun is finished and then one healthy controller goes on alone, from wake to
//!   wake, the next generation signs, the leaf is its own, each target holds every root, a call is accepted, and the plan
//!   sleeps (`fair_run`). This is run, not asked of the search: it would miss cycles.
//!
//! # What makes the space small, and why nothing is lost by it
//!
//! * **Callers and replicas** change nothing that anybody reads. So instead of two API servers and two replicas that each
//!   hold something old, a state keeps *every* bundle that ever stood in a target, and every chain that ever stood in the
//!   record, and all pairs are judged: any number of API servers and replicas, each with any lag.
//! * **A chain whose leaf has ended** by every clock is promised nothing any more, and is dropped.
//! * **Two controllers that will do the same** are the same, whatever they have read. If after a write nothing follows,
//!   whatever its answer (which is tried), then what is left of a step are the writes that have not arrived.
//! * **A write that can only be refused** from now on is refused at once: this changes nothing but its controller, and
//!   commutes with everything. Revisions are numbers of contents: no content of a record comes back (`breach` sees to it),
//!   so that an equal content is an equal revision. A target is guarded by the bundle that was seen, as a real patch is; there older
//!   content does come back.
//! * **Controllers are interchangeable**, and so are the two targets (which is tested): of the states that differ only by
//!   exchanging them, one is kept.
//! * **What a rotator remembers** between steps only lets it do less: leave a lane alone for a while. Here each step is
//!   the first of a process, and may be cut short anywhere. A replica that stands by carries out some of the actions: the
//!   same holds for it.
//! * **The reads of one step** and the time have a moment each where a scope says so. Elsewhere they take place in one
//!   second, its writes at any time later.
//!
//! # What is not covered
//!
//! Three generations of one history, one serving record, one entry in each of two targets, bounds that contain every
//! caller's clock. Take-overs, changes of policy and names, lost or restored records and clocks that lie are
//! the simulation's. In a [`Scope`] with patience, somebody does what is due within that many seconds; one without it
//! lets everything end.
#![expect(clippy::expect_used, reason = "a proof fails by panicking")]

mod attacker;
mod behaviour;
mod breach;
mod chance;
mod cluster;
mod contents;
mod describe;
mod fair_run;
mod go_rules;
mod interned;
mod memo;
mod replay;
mod scope;
mod search;
mod state;
mod told;

pub use crate::{
    breach::Breach,
    cluster::Cluster,
    scope::{Right, Scope},
    search::{Found, search},
    state::{Action, State},
};
