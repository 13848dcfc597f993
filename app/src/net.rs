//! TCP over a network device. The server sends and receives byte streams; this module does not interpret the bytes.
//!
//! [`Stack`] owns the device and moves one packet at a time. A received packet passes this list downwards, and a
//! transmitted packet passes it upwards:
//!
//! | module | contents |
//! |---|---|
//! | `nic` | the interface to the device |
//! | `link` | Ethernet headers, ARP and neighbours |
//! | `ip` | IPv4 headers, fragments, and ICMP messages from routers |
//! | `front` | the dispatch of a received packet to its connection |
//! | `tcp` | the check of received segments, retransmission timeouts, segment sizes and SYN cookies |
//! | `wire` | the two devices that smoltcp sees |
//! | `socket_sets`, `pool` | the sockets of smoltcp, and the current use of each: idle, listening or connected |
//! | `sockets` | the interface of the server to its connections |
//!
//! All [`Sockets`] and their buffers are allocated at boot: some sockets listen, some have a connection, and the rest
//! are idle. Each socket is in its own smoltcp `SocketSet`, so the cost of a packet does not depend on the number of
//! sockets. smoltcp has no backlog, so after a listener has accepted a connection, the next idle socket starts to
//! listen before the next packet is processed. `addressing` finds the address of the machine, and uses `dhcp` if no
//! address is configured.

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
