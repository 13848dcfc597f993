//! Tests DHCP: leases that change, leases that no machine can use, and servers that refuse or start late (RFC
//! 2131).

pub(super) mod dnsmasq;
pub(super) mod late;
pub(super) mod refusals;
pub(super) mod renewals;
mod server;
mod steps;
pub(super) mod unusable;
