//! TCP functions that the sockets of smoltcp lack.
//!
//! Every received and transmitted segment of a connection passes through this module, between the device and the
//! socket. [`Track`](track::Track) records the sequence numbers of both ends. The [guard] compares a received segment
//! with these numbers to decide whether the socket may see the segment. [`Recovery`](recovery::Recovery) measures the
//! round-trip time and triggers retransmissions. [`Path`](path::Path) holds the maximum segment size.

pub(super) mod answer;
pub(super) mod connection;
pub(super) mod cookie;
pub(super) mod cut;
pub(super) mod guard;
pub(super) mod path;
pub(super) mod recovery;
pub(super) mod segment;
pub(super) mod track;

#[cfg(test)]
mod properties;
