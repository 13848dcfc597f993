//! TCP over a network device: connections as byte streams, independent of their content.
//!
//! [`Stack`] owns the device and moves one packet at a time. A received packet passes this list downwards, and a
//! transmitted packet passes it upwards:
//!
//! | module | contents |
//! |---|---|
//! | `nic` | the interface to the device |
//! | `link` | Ethernet headers, ARP and neighbours |
//! | `ip` | IPv4 headers, fragments and ICMP messages of routers |
//! | `front` | the dispatch of a packet to its connection |
//! | `tcp` | the guard of each connection, timeouts, segment sizes and SYN cookies |
//! | `wire` | the two devices that smoltcp sees |
//! | `socket_sets`, `pool` | smoltcp's sockets, and the use of each |
//! | `sockets` | the connections, as the server sees them |
//!
//! All [`Sockets`] are made at boot, with their buffers: some listen, some have a connection, the rest are idle.
//! Each is in a set of its own, so the cost of a packet does not depend on their number. smoltcp has no backlog, so
//! after a listener has accepted a connection the next one is armed before the next packet. `addressing` finds the
//! address of the machine, by `dhcp` if no address is configured.

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
