//! The maximum segment size on the path to a peer.
//!
//! A router that cannot forward a packet reports that (RFC 1191). If the report is filtered, large segments are lost
//! repeatedly, and smaller ones are tried (RFC 8899, without the upward search). After ten minutes the maximum size is
//! tried again (RFC 1191 section 6.3).

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use smoltcp::time::{Duration, Instant};

/// Bytes of the headers of a packet without options.
pub(in crate::net) const HEADERS: u16 = 40;

/// Bytes of data that every network forwards, whole or in fragments (RFC 9293 section 3.7.1). A packet with at most this
/// much data may be fragmented.
pub(in crate::net) const ALWAYS: u16 = 536;

/// Sizes to try when large segments are lost: that of the minimum link of IPv6, and [`ALWAYS`].
const STEPS: [u16; 2] = [1240, ALWAYS];

/// Lifetime of a reduced size.
const BELIEVED: Duration = Duration::from_secs(600);

/// Maximum number of peers with a recorded size.
const REMEMBERED: usize = 64;

/// The segment size of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Path {
    /// Maximum of both ends.
    agreed: u16,
    /// Maximum of the path.
    now: u16,
    until: Instant,
}

impl Path {
    /// Creates the size of a socket without a peer.
    pub(in crate::net) const NONE: Self =
        Self { agreed: u16::MAX, now: u16::MAX, until: Instant::ZERO };

    /// Creates a size with the smaller maximum of both ends.
    pub(in crate::net) const fn new(agreed: u16) -> Self {
        Self { agreed, now: agreed, until: Instant::ZERO }
    }

    /// Returns the maximum bytes of data in a segment.
    pub(in crate::net) fn bytes(&mut self, now: Instant) -> u16 {
        if self.now < self.agreed && self.until <= now {
            self.now = self.agreed;
        }
        self.now
    }

    /// Reduces the size for its lifetime. Returns whether the size is smaller than before.
    pub(in crate::net) fn lower(&mut self, bytes: u16, now: Instant) -> bool {
        let bytes = bytes.max(ALWAYS.min(self.agreed));
        self.until = now + BELIEVED;
        let is_less = bytes < self.now;
        self.now = self.now.min(bytes);
        is_less
    }

    /// Returns whether the minimum size is reached. The packets may be fragmented then.
    pub(in crate::net) fn is_narrow(&self) -> bool {
        self.now <= ALWAYS && self.now < self.agreed
    }

    /// Returns the next smaller size to try.
    pub(in crate::net) fn next_step(&self) -> Option<u16> {
        STEPS.into_iter().find(|step| *step < self.now)
    }
}

/// The sizes of the paths to peers, for later connections.
#[derive(Debug)]
pub(in crate::net) struct Paths {
    known: Vec<(Ipv4Addr, u16, Instant)>,
}

impl Paths {
    /// Creates an empty record and allocates its memory.
    pub(in crate::net) fn new() -> Self {
        Self { known: Vec::with_capacity(REMEMBERED) }
    }

    /// Returns the reduced size of the path to an address, if there is one.
    pub(in crate::net) fn find(&self, address: Ipv4Addr, now: Instant) -> Option<u16> {
        let found = self.known.iter().find(|(other, _, until)| *other == address && now < *until);
        found.map(|(_, bytes, _)| *bytes)
    }

    /// Records a size, and evicts the oldest one if the record is full.
    pub(in crate::net) fn note(&mut self, address: Ipv4Addr, bytes: u16, now: Instant) {
        self.known.retain(|(other, ..)| *other != address);
        if self.known.len() == REMEMBERED {
            self.known.remove(0);
        }
        self.known.push((address, bytes, now + BELIEVED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_lowered_in_steps_and_tried_again_later() {
        let mut path = Path::new(1460);
        let now = Instant::from_secs(1);
        assert_eq!((path.bytes(now), path.next_step()), (1460, Some(1240)));
        assert!(path.lower(1240, now) && !path.lower(1300, now));
        assert_eq!((path.bytes(now), path.next_step()), (1240, Some(536)));
        assert!(path.lower(40, now), "never below what all networks take");
        assert_eq!((path.bytes(now), path.next_step()), (536, None));
        assert_eq!(path.bytes(now + BELIEVED), 1460);
    }

    #[test]
    fn a_peer_that_takes_less_than_all_networks_keeps_its_size() {
        let mut path = Path::new(88);
        assert_eq!(path.next_step(), None);
        assert!(!path.lower(536, Instant::ZERO));
        assert_eq!(path.bytes(Instant::ZERO), 88);
    }

    #[test]
    fn the_oldest_size_is_evicted() {
        let mut paths = Paths::new();
        let address = |number: usize| Ipv4Addr::from_bits(u32::try_from(number).unwrap());
        for number in 0..=REMEMBERED {
            paths.note(address(number), 1000, Instant::ZERO);
        }
        assert_eq!(paths.find(address(0), Instant::ZERO), None, "the oldest went");
        assert_eq!(paths.find(address(1), Instant::ZERO), Some(1000));
        paths.note(address(1), 600, Instant::ZERO);
        assert_eq!(paths.find(address(1), Instant::ZERO), Some(600));
        assert_eq!(paths.find(address(1), Instant::ZERO + BELIEVED), None);
        assert_eq!(paths.known.len(), REMEMBERED);
    }
}
