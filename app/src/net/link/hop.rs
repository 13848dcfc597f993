//! The way of a packet on the link.

use core::net::Ipv4Addr;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::EthernetAddress;

/// Time for which a connection uses an address without a lookup.
const HELD: Duration = Duration::from_secs(1);

/// The next step of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Way {
    /// Sent unchanged: the medium has no hardware addresses.
    Plain,
    /// Sent to a hardware address.
    To(EthernetAddress),
    /// Queued until the neighbour has answered an ARP request.
    Wait(Ipv4Addr),
    /// Dropped: there is no route, or the table of neighbours is full.
    Nowhere,
}

/// The cached next hop of a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Hop {
    mac: EthernetAddress,
    /// Version of the table at the lookup; 0 before the first one.
    version: u32,
    until: Instant,
}

impl Default for Hop {
    fn default() -> Self {
        Self { mac: EthernetAddress([0; 6]), version: 0, until: Instant::ZERO }
    }
}

impl Hop {
    /// Returns the address if the table has not changed since the lookup.
    #[inline]
    pub(super) fn get(&self, version: u32, now: Instant) -> Option<EthernetAddress> {
        (self.version == version && now < self.until).then_some(self.mac)
    }

    pub(super) fn set(&mut self, mac: EthernetAddress, version: u32, now: Instant) {
        *self = Self { mac, version, until: now + HELD };
    }

    /// Returns whether packets are sent to another address.
    #[inline]
    pub(super) fn differs(&self, mac: EthernetAddress) -> bool {
        self.version != 0 && self.mac != mac
    }
}
