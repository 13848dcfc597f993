//! Reassembly of IPv4 packets that come in fragments (RFC 791 section 3.2, RFC 1122 section 3.3.2).
//!
//! A packet whose fragments contradict each other is refused as a whole (RFC 5722). Places are few, and a
//! sender cannot have all of them. All memory is taken by [`Fragments::new`].

mod datagram;

use alloc::vec::Vec;
use core::mem;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::Ipv4Packet;

use crate::net::drops::Drop;
use crate::net::liveness::NEVER;
use datagram::{Datagram, DatagramKey, Fragment};

/// Packets that may be incomplete at the same time. A path that cuts the segments of a client reorders few of
/// them.
const PLACES: usize = 8;

/// Of these, the packets of one sender.
const PLACES_PER_SOURCE: usize = 4;

/// The time in which a packet must be complete. RFC 791 proposes 15 s. RFC 1122 asks for 60 s, after which a fast
/// sender has used the same identification again (RFC 4963).
const COMPLETE_WITHIN: Duration = Duration::from_secs(15);

/// Packets of which some fragments have come.
#[derive(Debug)]
pub(in crate::net) struct Fragments {
    places: Vec<Datagram>,
    /// Incomplete packets that were given up since [`expire`](Self::expire) was called.
    given_up: usize,
    /// No packet is late before.
    late_at: Instant,
}

impl Fragments {
    /// Takes the memory for all places: 33 KiB.
    pub(in crate::net) fn new() -> Self {
        let places = (0..PLACES).map(|_| Datagram::new()).collect();
        Self { places, given_up: 0, late_at: NEVER }
    }

    /// Adds a fragment: a whole IPv4 packet with its header. Returns the packet that it completes, with one
    /// header that describes it.
    ///
    /// A fragment without a place replaces the oldest packet, of its own sender where that one has as many as
    /// it may have. [`expire`](Self::expire) counts the packets that were replaced.
    ///
    /// # Errors
    ///
    /// - [`Drop::IpHeader`]: the header contradicts itself.
    /// - [`Drop::Fragment`]: the fragment contradicts another one, or ends behind the longest packet, or is empty.
    ///   Further fragments of the same packet are refused too.
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
            // A packet that is refused with its first fragment takes no place.
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

    /// Gives up packets that are not complete in time. Returns the number of incomplete packets that were given
    /// up since the last call, for their time or for their place.
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

    /// Begins a packet in a free place, or in that of the oldest one.
    fn make_place(&mut self, identity: DatagramKey, now: Instant) -> usize {
        let is_of_sender = |place: &&Datagram| place.is_from(identity.source());
        let is_limited = self.places.iter().filter(is_of_sender).count() >= PLACES_PER_SOURCE;
        let candidates = self.places.iter().enumerate();
        let candidates = candidates.filter(|(_, place)| !is_limited || is_of_sender(place));
        // A free place sorts first, a refused packet next.
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
