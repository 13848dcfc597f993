//! How large a segment may be on the way to a peer.
//!
//! A router that cannot pass a packet on says so (RFC 1191); where that is filtered, large segments are
//! lost again and again, and smaller ones are tried (RFC 8899, without the search upwards). After ten
//! minutes the largest size is tried anew, as RFC 1191 section 6.3 has it.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use smoltcp::time::{Duration, Instant};

/// Bytes of the headers of a packet without options.
pub(in crate::net) const HEADERS: u16 = 40;

/// Bytes of data of a packet that every network passes in one piece or in fragments (RFC 9293 section
/// 3.7.1). A packet no larger than this may be cut into fragments.
pub(in crate::net) const ALWAYS: u16 = 536;

/// Sizes that are tried where large segments are lost: that of IPv6's smallest link, and [`ALWAYS`].
const STEPS: [u16; 2] = [1240, ALWAYS];

/// How long a size is believed.
const BELIEVED: Duration = Duration::from_secs(600);

/// Peers whose size is remembered.
const REMEMBERED: usize = 64;

/// The size of segments of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Path {
    /// The size that both ends can take.
    agreed: u16,
    /// The size that the way takes.
    now: u16,
    until: Instant,
}

impl Path {
    /// Of a socket without a peer.
    pub(in crate::net) const NONE: Self =
        Self { agreed: u16::MAX, now: u16::MAX, until: Instant::ZERO };

    /// Begins with the smaller one of what both ends can take.
    pub(in crate::net) const fn new(agreed: u16) -> Self {
        Self { agreed, now: agreed, until: Instant::ZERO }
    }

    /// Bytes of data that a segment may have.
    pub(in crate::net) fn bytes(&mut self, now: Instant) -> u16 {
        if self.now < self.agreed && self.until <= now {
            self.now = self.agreed;
        }
        self.now
    }

    /// Believes for a while that no more fit. Returns whether that is less than before.
    pub(in crate::net) fn lower(&mut self, bytes: u16, now: Instant) -> bool {
        let bytes = bytes.max(ALWAYS.min(self.agreed));
        self.until = now + BELIEVED;
        let is_less = bytes < self.now;
        self.now = self.now.min(bytes);
        is_less
    }

    /// Whether no smaller size is left to try: its packets may be cut into fragments.
    pub(in crate::net) fn is_narrow(&self) -> bool {
        self.now <= ALWAYS && self.now < self.agreed
    }

    /// The next smaller size to try.
    pub(in crate::net) fn next_step(&self) -> Option<u16> {
        STEPS.into_iter().find(|step| *step < self.now)
    }
}

/// The sizes that were found on the ways to peers, for connections that are still to come.
#[derive(Debug)]
pub(in crate::net) struct Paths {
    known: Vec<(Ipv4Addr, u16, Instant)>,
}

impl Paths {
    /// Knows nothing. Takes all memory that it will need.
    pub(in crate::net) fn new() -> Self {
        Self { known: Vec::with_capacity(REMEMBERED) }
    }

    /// Bytes of data that fit on the way to an address, where that is less than both ends can take.
    pub(in crate::net) fn find(&self, address: Ipv4Addr, now: Instant) -> Option<u16> {
        let found = self.known.iter().find(|(other, _, until)| *other == address && now < *until);
        found.map(|(_, bytes, _)| *bytes)
    }

    /// Remembers what fits, in place of the oldest where there is no room.
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
    fn as_many_are_remembered_as_there_is_room_for() {
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
