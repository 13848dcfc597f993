//! IPv4 in front of the network stack: whose packets are taken, and what a message about one says.

pub(super) mod addresses;
pub(super) mod fragments;
pub(super) mod header;
pub(super) mod icmp;
pub(super) mod udp;
