//! Processes received IPv4 packets before smoltcp: checks headers and addresses, reassembles fragments, and extracts
//! ICMP and DHCP messages.

pub(super) mod addresses;
pub(super) mod fragments;
pub(super) mod header;
pub(super) mod icmp;
pub(super) mod udp;
