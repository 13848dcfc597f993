//! Reassembly of IPv4 packets from fragments (RFC 791 section 3.2, RFC 1122 section 3.3.2).
//!
//! If two fragments of a packet contradict each other, the whole packet is refused (RFC 5722). There are eight slots
//! for incomplete packets, and one sender can occupy at most half of them. [`Fragments::new`] allocates all memory.

mod datagram;

use alloc::vec::Vec;
use core::mem;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::Ipv4Packet;

use crate::net::drops::Drop;
use crate::net::liveness::NEVER;
use datagram::{Datagram, DatagramKey, Fragment};

/// Maximum number of incomplete packets. Few are needed, because fragments of different packets are rarely mixed on
/// their path.
const PLACES: usize = 8;

/// Maximum number of incomplete packets of one sender.
const PLACES_PER_SOURCE: usize = 4;

/// Time after which an incomplete packet is dropped, as proposed by RFC 791. RFC 1122 recommends at least 60 s, but a
/// fast sender reuses an identification earlier, and fragments of different packets would be combined (RFC 4963).
const COMPLETE_WITHIN: Duration = Duration::from_secs(15);

/// The slots for incomplete packets.
#[derive(Debug)]
pub(in crate::net) struct Fragments {
    places: Vec<Datagram>,
    /// Number of incomplete packets that have timed out or were evicted since the last call of
    /// [`expire`](Self::expire).
    given_up: usize,
    /// No incomplete packet times out before this time.
    late_at: Instant,
}

impl Fragments {
    /// Allocates the memory of all slots, 33 KiB.
    pub(in crate::net) fn new() -> Self {
        let places = (0..PLACES).map(|_| Datagram::new()).collect();
        Self { places, given_up: 0, late_at: NEVER }
    }

    /// Adds `packet`, a fragment with its IPv4 header. If the fragment is the last missing one, returns the reassembled
    /// packet with a single header.
    ///
    /// If all slots are in use, the first fragment of a packet evicts the oldest incomplete packet. If the sender
    /// already has its maximum number of slots, the oldest packet of that sender is evicted. [`expire`](Self::expire)
    /// counts the evicted packets.
    ///
    /// # Errors
    ///
    /// - [`Drop::IpHeader`]: the header is inconsistent.
    /// - [`Drop::Fragment`]: the fragment contradicts another one, exceeds the maximum size of a packet, or is empty.
    ///   Further fragments of the same packet are refused, too.
    pub(in crate::net) fn add(
        &mut self,
        packet: &[u8],
        now: Instant,
    ) -> Result<Option<&mut [u8]>, Drop> {
        let packet = Ipv4Packet::new_checked(packet).map_err(|_| Drop::IpHeader)?;
        let identity = DatagramKey::of(&packet);
        let piece = Fragment::try_of(packet).ok_or(Drop::Fragment);
        self.give_up_late(now);
        let at = self.places.iter().position(|place| place.is_of(identity));
        let at = match (at, &piece) {
            (Some(at), _) => at,
            // If the first fragment of a packet is invalid, the packet gets no slot.
            (None, Err(reason)) => return Err(*reason),
            (None, Ok(_)) => self.make_place(identity, now),
        };
        let place = &mut self.places[at];
        match piece.and_then(|piece| place.add(&piece)) {
            Ok(true) => Ok(Some(place.take())),
            Ok(false) => Ok(None),
            Err(reason) => {
                place.refuse();
                Err(reason)
            }
        }
    }

    /// Drops packets that have timed out. Returns the number of incomplete packets that timed out or were evicted since
    /// the last call.
    pub(in crate::net) fn expire(&mut self, now: Instant) -> usize {
        self.give_up_late(now);
        mem::take(&mut self.given_up)
    }

    fn give_up_late(&mut self, now: Instant) {
        if now < self.late_at {
            return;
        }
        self.late_at = NEVER;
        for place in &mut self.places {
            let Some(since) = place.since() else { continue };
            let late_at = since + COMPLETE_WITHIN;
            if late_at <= now {
                self.given_up += usize::from(place.give_up());
            } else {
                self.late_at = self.late_at.min(late_at);
            }
        }
    }

    /// Reserves a slot for a new packet: a free slot, one of a refused packet, or that of the oldest packet, which is
    /// evicted.
    fn make_place(&mut self, identity: DatagramKey, now: Instant) -> usize {
        let is_of_sender = |place: &&Datagram| place.is_from(identity.source());
        let is_limited = self.places.iter().filter(is_of_sender).count() >= PLACES_PER_SOURCE;
        let candidates = self.places.iter().enumerate();
        let candidates = candidates.filter(|(_, place)| !is_limited || is_of_sender(place));
        // Free slots and refused packets are not needed and sort first.
        let oldest = candidates.min_by_key(|(_, place)| (place.is_needed(), place.since()));
        let at = oldest.map_or(0, |(at, _)| at);
        self.given_up += usize::from(self.places[at].give_up());
        self.places[at].begin(identity, now);
        self.late_at = self.late_at.min(now + COMPLETE_WITHIN);
        at
    }
}

#[cfg(test)]
mod tests;
