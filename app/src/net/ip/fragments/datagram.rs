//! A slot for one incomplete packet: stores its fragments until all have arrived.

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::ops::Range;

use smoltcp::time::Instant;
use smoltcp::wire::{IpProtocol, Ipv4Packet};

use crate::net::drops::Drop;

/// Maximum size, in bytes, of the payload of a reassembled packet. TCP segments need about 1500 bytes: peers send at
/// most the segment size that this machine announces (1460 bytes on Ethernet) and 40 bytes of TCP options. RFC 1122
/// section 3.3.2 requires at least 576 bytes and the MTU of the link.
pub(super) const PAYLOAD_BYTES: usize = 4096;

/// Maximum size of an IPv4 header in bytes. The header is stored directly in front of the payload.
const HEADER_BYTES: usize = 60;

/// Unit of fragment offsets in bytes: all fragments begin at multiples of this size, and all but the last end at one.
const UNIT_BYTES: usize = 8;

/// Number of units in the largest payload.
const UNITS: usize = PAYLOAD_BYTES / UNIT_BYTES;

/// The header fields by which fragments of the same packet are recognized (RFC 791 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DatagramKey {
    source: Ipv4Addr,
    target: Ipv4Addr,
    number: u16,
    protocol: IpProtocol,
}

impl DatagramKey {
    pub(super) fn of(packet: &Ipv4Packet<&[u8]>) -> Self {
        let (source, target) = (packet.src_addr(), packet.dst_addr());
        Self { source, target, number: packet.ident(), protocol: packet.next_header() }
    }

    pub(super) fn source(&self) -> Ipv4Addr {
        self.source
    }
}

/// A parsed fragment.
#[derive(Debug)]
pub(super) struct Fragment<'a> {
    start: usize,
    payload: &'a [u8],
    is_last: bool,
    header: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Parses a fragment. Returns `None` if the fragment is empty, ends behind the maximum payload, or is not the last
    /// one and ends within a unit of 8 bytes.
    pub(super) fn try_of(packet: Ipv4Packet<&'a [u8]>) -> Option<Self> {
        let (start, payload) = (usize::from(packet.frag_offset()), packet.payload());
        let is_last = !packet.more_frags();
        let header_bytes = usize::from(packet.header_len());
        let header = packet.into_inner().get(..header_bytes)?;
        let is_cut_right = is_last || payload.len().is_multiple_of(UNIT_BYTES);
        let fits = !payload.is_empty() && start + payload.len() <= PAYLOAD_BYTES;
        (is_cut_right && fits).then_some(Self { start, payload, is_last, header })
    }

    fn end(&self) -> usize {
        self.start + self.payload.len()
    }

    fn units(&self) -> Range<usize> {
        self.start / UNIT_BYTES..self.end().div_ceil(UNIT_BYTES)
    }
}

/// A set of units of 8 bytes, as one bit for each unit of the largest payload.
#[derive(Clone, Copy, Debug, Default)]
struct Units([u64; UNITS.div_ceil(64)]);

impl Units {
    fn has(&self, unit: usize) -> bool {
        self.0.get(unit / 64).is_some_and(|word| word >> (unit % 64) & 1 != 0)
    }

    fn insert(&mut self, unit: usize) {
        self.0[unit / 64] |= 1 << (unit % 64);
    }
}

/// A slot for an incomplete packet. The slot is free if it has no `identity`.
#[derive(Debug)]
pub(super) struct Datagram {
    identity: Option<DatagramKey>,
    since: Instant,
    is_refused: bool,
    /// The units that have been received.
    came: Units,
    /// The units at which a received fragment begins.
    begins: Units,
    /// Number of received bytes. `reach` is the end of the received fragment with the highest offset.
    held: usize,
    reach: usize,
    /// Size of the whole payload in bytes, which is known after the last fragment was received.
    total: Option<usize>,
    /// Size of the header in bytes, which is known after the fragment with offset 0 was received.
    header: usize,
    bytes: Vec<u8>,
}

impl Datagram {
    /// Creates a free slot and allocates its memory.
    pub(super) fn new() -> Self {
        Self {
            identity: None,
            since: Instant::ZERO,
            is_refused: false,
            came: Units::default(),
            begins: Units::default(),
            held: 0,
            reach: 0,
            total: None,
            header: 0,
            bytes: vec![0; HEADER_BYTES + PAYLOAD_BYTES],
        }
    }

    /// Reserves the slot for the packet `identity`, whose first fragment arrives at `now`. Fragments of an earlier
    /// packet are dropped.
    pub(super) fn begin(&mut self, identity: DatagramKey, now: Instant) {
        (self.identity, self.since, self.is_refused) = (Some(identity), now, false);
        (self.came, self.begins) = (Units::default(), Units::default());
        (self.held, self.reach, self.total, self.header) = (0, 0, None, 0);
    }

    /// Returns whether the slot is reserved for the packet `identity`, including a packet that was refused.
    pub(super) fn is_of(&self, identity: DatagramKey) -> bool {
        self.identity == Some(identity)
    }

    /// Returns whether the slot is reserved for a packet from `source`.
    pub(super) fn is_from(&self, source: Ipv4Addr) -> bool {
        self.identity.is_some_and(|identity| identity.source == source)
    }

    /// Returns whether the slot is reserved for a packet that was not refused and can still become complete.
    pub(super) fn is_needed(&self) -> bool {
        self.identity.is_some() && !self.is_refused
    }

    /// Returns the time at which the first fragment arrived, or `None` for a free slot.
    pub(super) fn since(&self) -> Option<Instant> {
        self.identity.map(|_| self.since)
    }

    /// Refuses the packet. The slot stays reserved, so that later fragments of the packet are refused, too.
    pub(super) fn refuse(&mut self) {
        self.is_refused = true;
    }

    /// Frees the slot. Returns whether a packet is lost that was not refused.
    pub(super) fn give_up(&mut self) -> bool {
        let is_lost = self.is_needed();
        self.identity = None;
        is_lost
    }

    /// Adds a fragment of the packet. Returns whether all fragments have been received. A duplicate of an earlier
    /// fragment is ignored.
    pub(super) fn add(&mut self, piece: &Fragment<'_>) -> Result<bool, Drop> {
        let end = piece.end();
        let is_consistent = if piece.is_last {
            self.reach <= end && self.total.is_none_or(|total| total == end)
        } else {
            self.total.is_none_or(|total| end < total)
        };
        if self.is_refused || !is_consistent {
            return Err(Drop::Fragment);
        }
        if piece.units().any(|unit| self.came.has(unit)) {
            return if self.has_same(piece) { Ok(false) } else { Err(Drop::Fragment) };
        }
        self.bytes[HEADER_BYTES..][piece.start..end].copy_from_slice(piece.payload);
        piece.units().for_each(|unit| self.came.insert(unit));
        self.begins.insert(piece.units().start);
        self.held += piece.payload.len();
        self.reach = self.reach.max(end);
        if piece.is_last {
            self.total = Some(end);
        }
        if piece.start == 0 {
            self.header = piece.header.len();
            self.bytes[HEADER_BYTES - self.header..HEADER_BYTES].copy_from_slice(piece.header);
        }
        Ok(self.total == Some(self.held))
    }

    /// Returns whether an earlier fragment had the same start, end and bytes as `piece`.
    fn has_same(&self, piece: &Fragment<'_>) -> bool {
        let units = piece.units();
        let mut behind = units.start + 1..units.end;
        let is_begun = self.begins.has(units.start) && !behind.any(|unit| self.begins.has(unit));
        let is_ended = self.begins.has(units.end) || !self.came.has(units.end);
        let came = units.clone().all(|unit| self.came.has(unit));
        let is_last = self.total == Some(piece.end());
        let bytes = &self.bytes[HEADER_BYTES..][piece.start..piece.end()];
        is_begun && is_ended && came && is_last == piece.is_last && bytes == piece.payload
    }

    /// Frees the slot and returns the reassembled packet. Its length, flags, offset and checksum are updated in its
    /// header.
    pub(super) fn take(&mut self) -> &mut [u8] {
        self.identity = None;
        let bytes = self.header + self.held;
        let packet = &mut self.bytes[HEADER_BYTES - self.header..HEADER_BYTES + self.held];
        let mut header = Ipv4Packet::new_unchecked(&mut *packet);
        header.set_total_len(u16::try_from(bytes).unwrap_or(u16::MAX));
        header.clear_flags();
        header.set_frag_offset(0);
        header.fill_checksum();
        packet
    }
}
