//! In front of the TCP sockets: what the network stack does not look at, or does not do.
//!
//! Every segment of a connection passes here on its way in and on its way out. [`Track`](track::Track)
//! notes the numbers that both ends have used; the [guard] decides by them whether a segment
//! may reach its socket; [`Recovery`](recovery::Recovery) measures the round trip and says when
//! something has to be sent again; [`Path`](path::Path) knows how large a segment may be.

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
