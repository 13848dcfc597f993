//! The lease that the client uses, and its renewal.

use core::net::Ipv4Addr;

use smoltcp::time::Instant;

use super::deadlines::Deadlines;
use super::lease::AddressLease;
use super::outgoing::{self, MessageHeader, Outgoing};

/// A lease, the server that granted it, and its deadlines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    /// The address and the router that the server granted.
    pub(super) lease: AddressLease,
    /// The address of the server that granted the lease.
    pub(super) server: Ipv4Addr,
    /// The deadlines, or `None` if the lease never ends.
    pub(super) deadlines: Option<Deadlines>,
}

impl Binding {
    /// Returns whether the client is in REBINDING: it asks all servers to extend the lease, because the server that
    /// granted the lease has not answered.
    pub(super) fn is_rebinding(&self, now: Instant) -> bool {
        self.deadlines.is_some_and(|at| at.rebind_at <= now)
    }

    /// Creates the request that renews the lease: to the server that granted the lease, or in REBINDING to all servers.
    pub(super) fn request(&self, header: &MessageHeader, now: Instant) -> Outgoing {
        let to = match self.is_rebinding(now) {
            true => Ipv4Addr::BROADCAST,
            false => self.server,
        };
        outgoing::renew(header, self.lease.address.address(), to)
    }

    /// Returns the time of the next request after one that is sent now.
    pub(super) fn next_request_at(&self, now: Instant) -> Option<Instant> {
        self.deadlines.map(|at| at.next_request_at(now))
    }
}
