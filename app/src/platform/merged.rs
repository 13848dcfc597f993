//! Reassembles a received packet that the network device has written to several buffers.
//!
//! A device with this ability combines the segments that a client sends into one packet of up to 64 KiB. The network
//! stack then works once for this packet instead of once for each 1,460 bytes.

use alloc::boxed::Box;
use alloc::vec;

/// Maximum bytes of a packet: the maximum length of an IPv4 packet, and an Ethernet header.
pub const PACKET_BYTES_MAX: usize = 14 + 65_535;

/// A buffer for one packet, and the state of the reassembly of this packet.
#[derive(Debug)]
pub struct Merged {
    bytes: Box<[u8]>,
    end: usize,
    /// Number of missing buffers.
    missing: u16,
    is_vouched_for: bool,
}

impl Default for Merged {
    fn default() -> Self {
        Self { bytes: vec![0; PACKET_BYTES_MAX].into(), end: 0, missing: 0, is_vouched_for: false }
    }
}

impl Merged {
    /// Begins a packet that consists of `buffers` buffers. `is_vouched_for` tells whether the device has verified the
    /// checksum.
    pub fn begin(&mut self, buffers: u16, is_vouched_for: bool) {
        self.end = 0;
        self.missing = buffers;
        self.is_vouched_for = is_vouched_for;
    }

    /// Returns whether buffers of the current packet are missing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.missing > 0
    }

    /// Appends the bytes of the next buffer. Bytes beyond the maximum size of an IPv4 packet are dropped.
    pub fn add(&mut self, bytes: &[u8]) {
        let room = &mut self.bytes[self.end..];
        let part = bytes.len().min(room.len());
        room[..part].copy_from_slice(&bytes[..part]);
        self.end += part;
        self.missing = self.missing.saturating_sub(1);
    }

    /// Returns the complete packet, and whether the device has verified the checksum. Returns `None` while buffers are
    /// missing.
    pub fn whole(&mut self) -> Option<(&mut [u8], bool)> {
        let is_whole = self.missing == 0 && self.end > 0;
        is_whole.then(|| (&mut self.bytes[..self.end], self.is_vouched_for))
    }

    /// Drops the current packet.
    pub fn clear(&mut self) {
        self.begin(0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_complete_with_its_last_buffer() {
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
            "no byte of the last packet"
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
