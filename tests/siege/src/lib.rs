//! Attacks on the webhook server under real admission calls, inside the memory limit that `deploy/` ships.
//!
//! [`Siege`] is a control plane whose API server calls a webhook; [`Siege::withstand`] puts one [`Attack`] to one [`Server`] and says
//! in a [`Row`] what became of calls, memory and process. The attacker speaks raw bytes where a library would not, on loopback,
//! bounded in time and number.

mod attacks;
mod cage;
mod calls;
mod frames;
mod front;
mod http2;
mod memory;
mod review;
mod row;
mod server;
mod siege;
mod tls;

pub use crate::{
    attacks::{Attack, LASTS},
    cage::MEMORY_LIMIT,
    row::{Row, table},
    server::Server,
    siege::Siege,
};
