//! The way of a packet on the link.

use core::net::Ipv4Addr;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::EthernetAddress;

/// How long a connection sends to an address without a look at the table.
const HELD: Duration = Duration::from_secs(1);

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Way {
    /// Out, as it is: the medium has no hardware addresses.
    Plain,
    /// To a hardware address.
    To(EthernetAddress),
    /// To a neighbour that has yet to say its address.
    Wait(Ipv4Addr),
    /// There is no route, or no room for another neighbour.
    Nowhere,
}

/// The way that a connection remembers.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Hop {
    mac: EthernetAddress,
    /// Of the table when it was looked up; 0 is never.
    version: u32,
    until: Instant,
}

impl Default for Hop {
    fn default() -> Self {
        Self { mac: EthernetAddress([0; 6]), version: 0, until: Instant::ZERO }
    }
}

impl Hop {
    /// The address, while nothing in the table has changed since it was looked up.
    #[inline]
    pub(super) fn get(&self, version: u32, now: Instant) -> Option<EthernetAddress> {
        (self.version == version && now < self.until).then_some(self.mac)
    }

    pub(super) fn set(&mut self, mac: EthernetAddress, version: u32, now: Instant) {
        *self = Self { mac, version, until: now + HELD };
    }

    /// Whether packets go to another address.
    #[inline]
    pub(super) fn differs(&self, mac: EthernetAddress) -> bool {
        self.version != 0 && self.mac != mac
    }
}
