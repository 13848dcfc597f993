//! TCP over a network device: numbered lines of bytes, nothing about what they mean.
//!
//! [`Stack`] owns the device and smoltcp's interface and moves packets, one at a time. Its
//! [`Sockets`] are all made at boot, with their buffers: some listen, some carry a line, the rest
//! are idle. Each is in a set of its own, so that a packet costs the same however many there are. The
//! network stack has no backlog, so whenever a listener has taken a connection the next one is armed
//! before the next packet is looked at. [`Addressing`] finds the address.

mod address;
mod announce;
mod cells;
#[cfg_attr(not(test), expect(dead_code, reason = "wired by the stack"))]
mod cookie;
mod drops;
#[cfg_attr(not(test), expect(dead_code, reason = "wired by the stack"))]
mod fragments;
mod liveness;
mod nic;
mod pool;
mod route;
mod sockets;
mod stack;

pub use address::Addressing;
pub use drops::{Drop, Drops};
pub use nic::Nic;
pub use pool::Counts;
pub use sockets::{BYTES_PER_CLIENT, Line, Port, Received, Sockets};
pub use stack::Stack;
