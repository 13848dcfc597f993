//! The maximum segment size on the path to a peer.
//!
//! A router that cannot forward a large packet sends an ICMP message, and the maximum segment size is reduced to the
//! size in the message (RFC 1191). If a firewall drops such messages, large segments are lost repeatedly; smaller sizes
//! are then tried (RFC 8899, without the search for a larger size). Ten minutes after a reduction, the original maximum
//! is used again (RFC 1191 section 6.3).

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use smoltcp::time::{Duration, Instant};

/// Bytes of the IPv4 and TCP headers without options.
pub(in crate::net) const HEADERS: u16 = 40;

/// Bytes of TCP data in a packet that every network forwards, whole or in fragments (RFC 9293 section 3.7.1). Path
/// sizes are not reduced below this value; instead, routers are allowed to fragment packets of this size.
pub(in crate::net) const ALWAYS: u16 = 536;

/// Segment sizes to try when large segments are lost: first the size that fits into the minimum MTU of IPv6 links (1280
/// bytes), then [`ALWAYS`].
const STEPS: [u16; 2] = [1240, ALWAYS];

/// Time after which a reduced segment size expires.
const BELIEVED: Duration = Duration::from_secs(600);

/// Maximum number of peers whose reduced segment size is recorded.
const REMEMBERED: usize = 64;

/// The segment size of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Path {
    /// Maximum segment size that both ends of the connection accept.
    agreed: u16,
    /// Current maximum segment size, at most `agreed`.
    now: u16,
    /// Time at which `now` is reset to `agreed`.
    until: Instant,
}

impl Path {
    /// Segment size of a socket without a peer: no limit.
    pub(in crate::net) const NONE: Self =
        Self { agreed: u16::MAX, now: u16::MAX, until: Instant::ZERO };

    /// Creates the segment size of a new connection. `agreed` is the smaller one of the maximum segment sizes of both
    /// ends.
    pub(in crate::net) const fn new(agreed: u16) -> Self {
        Self { agreed, now: agreed, until: Instant::ZERO }
    }

    /// Returns the current maximum segment size, in bytes of data. If a reduced size has expired at `now`, the original
    /// size is restored first.
    pub(in crate::net) fn bytes(&mut self, now: Instant) -> u16 {
        if self.now < self.agreed && self.until <= now {
            self.now = self.agreed;
        }
        self.now
    }

    /// Reduces the segment size to `bytes` for ten minutes, but not below [`ALWAYS`]. Returns whether the segment size
    /// is smaller than before. If the segment size is already smaller, only its lifetime is extended.
    pub(in crate::net) fn lower(&mut self, bytes: u16, now: Instant) -> bool {
        let bytes = bytes.max(ALWAYS.min(self.agreed));
        self.until = now + BELIEVED;
        let is_less = bytes < self.now;
        self.now = self.now.min(bytes);
        is_less
    }

    /// Returns whether the segment size was reduced to the minimum. Routers must then be allowed to fragment the
    /// packets, because the segment size cannot be reduced further.
    pub(in crate::net) fn is_narrow(&self) -> bool {
        self.now <= ALWAYS && self.now < self.agreed
    }

    /// Returns the next smaller segment size to try, or `None` if the current size is the smallest.
    pub(in crate::net) fn next_step(&self) -> Option<u16> {
        STEPS.into_iter().find(|step| *step < self.now)
    }
}

/// The reduced segment sizes of up to 64 peers. A later connection to the same peer starts with the recorded size.
#[derive(Debug)]
pub(in crate::net) struct Paths {
    known: Vec<(Ipv4Addr, u16, Instant)>,
}

impl Paths {
    /// Creates an empty table and allocates the memory for all entries.
    pub(in crate::net) fn new() -> Self {
        Self { known: Vec::with_capacity(REMEMBERED) }
    }

    /// Returns the reduced segment size for the peer `address`. Returns `None` if no size is recorded or the recorded
    /// size has expired.
    pub(in crate::net) fn find(&self, address: Ipv4Addr, now: Instant) -> Option<u16> {
        let found = self.known.iter().find(|(other, _, until)| *other == address && now < *until);
        found.map(|(_, bytes, _)| *bytes)
    }

    /// Records the segment size `bytes` for the peer `address`. If the table is full, the entry that was recorded first
    /// is evicted.
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
