//! TCP over a network device: numbered lines of bytes, nothing about what they mean.
//!
//! [`Stack`] owns the device and moves packets, one at a time. A packet that comes goes down this list,
//! and one that goes out goes up:
//!
//! | module | its part |
//! |---|---|
//! | `nic` | the seam to the device |
//! | `link` | Ethernet headers, ARP, neighbours |
//! | `ip` | IPv4 headers, fragments, messages of routers |
//! | `front` | whose the packet is |
//! | `tcp` | the guard of each connection, measured time-outs, sizes of segments, cookies |
//! | `wire` | the two devices that smoltcp sees |
//! | `socket_sets`, `pool` | smoltcp's sockets, and what each is used for |
//! | `sockets` | lines, for the server |
//!
//! The [`Sockets`] are all made at boot, with their buffers: some listen, some carry a line, the rest
//! are idle. Each is in a set of its own, so that a packet costs the same however many there are. The
//! network stack has no backlog, so whenever a listener has taken a connection the next one is armed
//! before the next packet is looked at. `addressing` finds the address of the machine, by `dhcp` where
//! it is not configured.

mod addressing;
mod dhcp;
mod drops;
mod front;
mod ip;
mod link;
mod liveness;
mod nic;
mod pool;
mod route;
mod socket_sets;
mod sockets;
mod stack;
mod tcp;
mod wire;

pub use drops::{Drop, Drops};
pub use nic::{Abilities, Arrival, Nic};
pub use pool::Counts;
pub use sockets::{BYTES_PER_CLIENT, ConnectionId, Port, Received, Sockets};
pub use stack::Stack;
