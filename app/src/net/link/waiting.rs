//! Stores packets until the hardware address of their neighbour is known: only the latest packet for each neighbour
//! (RFC 1122 section 2.3.2.2).

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// Maximum number of waiting packets. Each has a slot.
const PLACES: usize = 64;

/// Maximum size of a waiting packet in bytes. Longer packets are dropped.
const PACKET_BYTES: usize = 1500;

/// The neighbour for which a packet waits, and the length of the packet. In a free slot, the length is 0.
#[derive(Clone, Copy, Debug)]
struct WaitingPacket {
    next: Ipv4Addr,
    bytes: usize,
}

/// The slots for waiting packets, and their buffers.
#[derive(Debug)]
pub(super) struct Waiting {
    places: Vec<WaitingPacket>,
    packets: Vec<u8>,
    /// Index of the slot that the packet for another neighbour uses next. Slots are used in a circle, so this slot was
    /// filled before all others.
    oldest: usize,
}

impl Waiting {
    /// Creates free slots and allocates their buffers.
    pub(super) fn new() -> Self {
        let place = WaitingPacket { next: Ipv4Addr::UNSPECIFIED, bytes: 0 };
        Self { places: vec![place; PLACES], packets: vec![0; PLACES * PACKET_BYTES], oldest: 0 }
    }

    /// Returns the number of slots.
    pub(super) fn places(&self) -> usize {
        PLACES
    }

    /// Returns the buffer for a packet of `bytes` bytes to the neighbour `next`. The packet replaces an earlier packet
    /// to the same neighbour; otherwise it takes the slot that was filled longest ago. Returns `None` if the packet is
    /// too long.
    pub(super) fn room(&mut self, next: Ipv4Addr, bytes: usize) -> Option<&mut [u8]> {
        if bytes > PACKET_BYTES || bytes == 0 {
            return None;
        }
        let same = self.places.iter().position(|place| place.bytes > 0 && place.next == next);
        let index = same.unwrap_or_else(|| {
            let index = self.oldest;
            self.oldest = (index + 1) % PLACES;
            index
        });
        self.places[index] = WaitingPacket { next, bytes };
        let start = index * PACKET_BYTES;
        Some(&mut self.packets[start..start + bytes])
    }

    /// Returns the packet in slot `index`, and the neighbour for which the packet waits. Returns `None` if the slot is
    /// free.
    pub(super) fn packet(&self, index: usize) -> Option<(Ipv4Addr, &[u8])> {
        let place = self.places[index];
        let start = index * PACKET_BYTES;
        (place.bytes > 0).then(|| (place.next, &self.packets[start..start + place.bytes]))
    }

    /// Frees a slot.
    pub(super) fn clear(&mut self, index: usize) {
        self.places[index].bytes = 0;
    }

    /// Frees every slot.
    pub(super) fn clear_all(&mut self) {
        (0..PLACES).for_each(|index| self.clear(index));
    }

    /// Drops the packet for the neighbour `next`, which does not answer. Returns whether a packet was waiting.
    pub(super) fn forget(&mut self, next: Ipv4Addr) -> bool {
        let place = self.places.iter_mut().find(|place| place.bytes > 0 && place.next == next);
        place.map(|place| place.bytes = 0).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 2, number)
    }

    fn packets(waiting: &Waiting) -> Vec<(Ipv4Addr, Vec<u8>)> {
        let packets = (0..PLACES).filter_map(|index| waiting.packet(index));
        packets.map(|(next, packet)| (next, packet.to_vec())).collect()
    }

    #[test]
    fn the_latest_packet_of_each_neighbour_waits() {
        let mut waiting = Waiting::new();
        waiting.room(address(1), 3).unwrap().copy_from_slice(b"one");
        waiting.room(address(2), 3).unwrap().copy_from_slice(b"two");
        waiting.room(address(1), 5).unwrap().copy_from_slice(b"three");
        let expected = [(address(1), b"three".to_vec()), (address(2), b"two".to_vec())];
        assert_eq!(packets(&waiting), expected);
        assert!(waiting.forget(address(1)) && !waiting.forget(address(1)));
        assert_eq!(packets(&waiting), expected[1..]);
        assert!(waiting.room(address(3), PACKET_BYTES + 1).is_none());
    }

    #[test]
    fn the_oldest_packet_is_replaced() {
        let mut waiting = Waiting::new();
        for number in 0..=64 {
            waiting.room(address(number), 1).unwrap()[0] = number;
        }
        let found = packets(&waiting);
        assert_eq!(found.len(), PLACES);
        assert!(!found.iter().any(|(next, _)| *next == address(0)));
        assert!(found.contains(&(address(64), vec![64])));
    }
}
