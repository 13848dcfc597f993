//! Reassembly of IPv4 packets from fragments (RFC 791 section 3.2, RFC 1122 section 3.3.2).
//!
//! A packet with contradictory fragments is refused as a whole (RFC 5722). There are few slots, and one sender cannot
//! occupy all of them. [`Fragments::new`] allocates all memory.

mod datagram;

use alloc::vec::Vec;
use core::mem;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::Ipv4Packet;

use crate::net::drops::Drop;
use crate::net::liveness::NEVER;
use datagram::{Datagram, DatagramKey, Fragment};

/// Maximum number of incomplete packets. A path that fragments the segments of a client reorders few of them.
const PLACES: usize = 8;

/// Maximum number of incomplete packets of one sender.
const PLACES_PER_SOURCE: usize = 4;

/// Timeout of an incomplete packet. RFC 791 proposes 15 s. RFC 1122 requires 60 s, but a fast sender reuses an
/// identification earlier (RFC 4963).
const COMPLETE_WITHIN: Duration = Duration::from_secs(15);

/// The incomplete packets.
#[derive(Debug)]
pub(in crate::net) struct Fragments {
    places: Vec<Datagram>,
    /// Number of incomplete packets that were dropped since the last call of [`expire`](Self::expire).
    given_up: usize,
    /// No packet times out before this time.
    late_at: Instant,
}

impl Fragments {
    /// Allocates the memory of all slots, 33 KiB.
    pub(in crate::net) fn new() -> Self {
        let places = (0..PLACES).map(|_| Datagram::new()).collect();
        Self { places, given_up: 0, late_at: NEVER }
    }

    /// Adds a fragment: a whole IPv4 packet with its header. Returns the packet that it completes, with one
    /// header that describes it.
    ///
    /// The first fragment of a packet may evict the oldest packet. If the sender has its maximum of packets, the oldest
    /// of these is evicted. [`expire`](Self::expire) counts the evicted packets.
    ///
    /// # Errors
    ///
    /// - [`Drop::IpHeader`]: the header is inconsistent.
    /// - [`Drop::Fragment`]: the fragment contradicts another one, exceeds the maximum packet, or is empty. Further
    ///   fragments of the same packet are refused too.
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
            // A packet that is refused with its first fragment gets no slot.
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

    /// Begins a packet in a free slot, or evicts the oldest packet.
    fn make_place(&mut self, identity: DatagramKey, now: Instant) -> usize {
        let is_of_sender = |place: &&Datagram| place.is_from(identity.source());
        let is_limited = self.places.iter().filter(is_of_sender).count() >= PLACES_PER_SOURCE;
        let candidates = self.places.iter().enumerate();
        let candidates = candidates.filter(|(_, place)| !is_limited || is_of_sender(place));
        // A free slot sorts first, a refused packet next.
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
