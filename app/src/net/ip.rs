//! IPv4 in front of smoltcp: headers, addresses, fragments, ICMP messages and DHCP datagrams.

pub(super) mod addresses;
pub(super) mod fragments;
pub(super) mod header;
pub(super) mod icmp;
pub(super) mod udp;
