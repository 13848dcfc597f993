//! A packet that a device has laid down in several buffers, one behind the other.
//!
//! What a client sends at once comes as one packet of up to 64 KiB where the device can do that: the
//! work of each packet is done once, and not for each 1,460 bytes.

use alloc::boxed::Box;
use alloc::vec;

/// The largest packet: all that a length in an IPv4 header can say, behind an Ethernet header.
pub const PACKET_BYTES_MAX: usize = 14 + 65_535;

/// Room for one packet, and how much of it is there.
#[derive(Debug)]
pub struct Merged {
    bytes: Box<[u8]>,
    end: usize,
    /// Buffers that are still to come.
    missing: u16,
    is_vouched_for: bool,
}

impl Default for Merged {
    fn default() -> Self {
        Self { bytes: vec![0; PACKET_BYTES_MAX].into(), end: 0, missing: 0, is_vouched_for: false }
    }
}

impl Merged {
    /// Begins with a packet of so many buffers; whether the device says that it is sound.
    pub fn begin(&mut self, buffers: u16, is_vouched_for: bool) {
        self.end = 0;
        self.missing = buffers;
        self.is_vouched_for = is_vouched_for;
    }

    /// Whether a packet has been begun that lacks buffers.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.missing > 0
    }

    /// Adds what the next buffer holds. What is beyond the largest packet is lost: nobody could read it.
    pub fn add(&mut self, bytes: &[u8]) {
        let room = &mut self.bytes[self.end..];
        let part = bytes.len().min(room.len());
        room[..part].copy_from_slice(&bytes[..part]);
        self.end += part;
        self.missing = self.missing.saturating_sub(1);
    }

    /// The packet, once it is whole, and whether the device says that it is sound.
    pub fn whole(&mut self) -> Option<(&mut [u8], bool)> {
        let is_whole = self.missing == 0 && self.end > 0;
        is_whole.then(|| (&mut self.bytes[..self.end], self.is_vouched_for))
    }

    /// Forgets the packet.
    pub fn clear(&mut self) {
        self.begin(0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_whole_with_its_last_buffer() {
        let mut merged = Merged::default();
        assert!(!merged.is_partial() && merged.whole().is_none());
        merged.begin(3, true);
        for part in [b"abc", b"def"] {
            merged.add(part);
            assert!(merged.is_partial() && merged.whole().is_none());
        }
        merged.add(b"g");
        assert!(!merged.is_partial());
        assert_eq!(merged.whole().unwrap(), (&mut b"abcdefg".to_owned()[..], true));
        merged.clear();
        assert!(!merged.is_partial() && merged.whole().is_none());
        merged.begin(1, false);
        merged.add(b"x");
        assert_eq!(
            merged.whole().unwrap(),
            (&mut b"x".to_owned()[..], false),
            "nothing of the last one"
        );
    }

    #[test]
    fn a_packet_that_is_too_long_is_cut() {
        let mut merged = Merged::default();
        merged.begin(40, true);
        (0..40).for_each(|_| merged.add(&[7; 2036]));
        assert_eq!(merged.whole().map(|(bytes, _)| bytes.len()), Some(PACKET_BYTES_MAX));
    }
}
