//! How a packet is sent on the link, and a cache of this decision for a connection.

use core::net::Ipv4Addr;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::EthernetAddress;

/// Time for which a connection uses a cached hardware address without a lookup in the table of neighbours.
const HELD: Duration = Duration::from_secs(1);

/// How a packet is sent on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Way {
    /// The packet is sent without a link header, because the medium has no hardware addresses.
    Plain,
    /// The packet is sent to this hardware address.
    To(EthernetAddress),
    /// The packet waits until the neighbour with this address has answered an ARP request.
    Wait(Ipv4Addr),
    /// The packet is dropped, because there is no route, or the table of neighbours is full.
    Nowhere,
}

/// The hardware address of the next hop to the peer of a connection, as cached at the last lookup.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Hop {
    mac: EthernetAddress,
    /// Version of the table of neighbours at the lookup; 0 before the first lookup.
    version: u32,
    until: Instant,
}

impl Default for Hop {
    fn default() -> Self {
        Self { mac: EthernetAddress([0; 6]), version: 0, until: Instant::ZERO }
    }
}

impl Hop {
    /// Returns the cached address. Returns `None` if the table of neighbours has changed since the lookup (`version` is
    /// its current version), or if the lookup was more than a second ago.
    #[inline]
    pub(super) fn get(&self, version: u32, now: Instant) -> Option<EthernetAddress> {
        (self.version == version && now < self.until).then_some(self.mac)
    }

    /// Caches the result of a lookup in the table of neighbours.
    pub(super) fn set(&mut self, mac: EthernetAddress, version: u32, now: Instant) {
        *self = Self { mac, version, until: now + HELD };
    }

    /// Returns whether the cached address exists and is not `mac`.
    #[inline]
    pub(super) fn differs(&self, mac: EthernetAddress) -> bool {
        self.version != 0 && self.mac != mac
    }
}
