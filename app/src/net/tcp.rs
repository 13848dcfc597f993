//! TCP functions in front of the sockets that smoltcp lacks.
//!
//! Every received and transmitted segment of a connection passes this module. [`Track`](track::Track) records the
//! sequence numbers of both ends. The [guard] uses them to decide whether a segment may reach its socket.
//! [`Recovery`](recovery::Recovery) measures the round trip and triggers retransmissions. [`Path`](path::Path) holds the
//! maximum size of a segment.

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
