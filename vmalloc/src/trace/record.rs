//! One operation, and its words.

use bitflags::bitflags;
use x86_64::VirtAddr;

use crate::machine::CpuId;
use crate::page::PageRange;
use crate::region::RegionId;
use crate::request::{Huge, Protection, Request};

const OP_MASK: u64 = 0xff;
const FLAGS_SHIFT: u32 = 8;
const PROTECTION_SHIFT: u32 = 16;
const HUGE_SHIFT: u32 = 18;
const NODE_SHIFT: u32 = 20;
const RESERVED: u64 = 0xf << 28;
const CPU_SHIFT: u32 = 32;

/// What was done. The numbers belong to the format: they are never used for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TraceOp {
    /// A region was asked for.
    Allocate = 1,
    /// A region was to be freed: by its id, or with no id by the address.
    Free = 2,
    /// A region was to have `bytes` bytes from now on.
    Resize = 3,
    /// A region's rights were to change to what the flags say.
    Protect = 4,
    /// What was lazy was to be released.
    Purge = 5,
}

impl TraceOp {
    /// All operations.
    pub const ALL: [Self; 5] =
        [Self::Allocate, Self::Free, Self::Resize, Self::Protect, Self::Purge];
}

bitflags! {
    /// How it was asked for, and how it ended.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct TraceFlags: u8 {
        /// It ended in an error.
        const FAILED = 1;
        /// The bytes were to read as zeros.
        const ZEROED = 1 << 1;
        /// The region is the kernel's own.
        const SYSTEM = 1 << 2;
        /// Frames of the reserve could be taken.
        const RESERVE = 1 << 3;
        /// No other node than the one named would do.
        const ONLY_NODE = 1 << 4;
    }
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRecord {
    /// What was done.
    pub op: TraceOp,
    /// How it was asked for, and how it ended.
    pub flags: TraceFlags,
    /// What the pages may be used for.
    pub protection: Protection,
    /// Whether large leaves were asked for.
    pub huge: Huge,
    /// The node that frames were asked from.
    pub node: Option<u32>,
    /// The CPU that did it.
    pub cpu: CpuId,
    /// When, in the machine's unit.
    pub time: u64,
    /// The region's id as a number: the one that was made, or was named; 0 for none.
    pub id: u64,
    /// The region's first address, or the address that was named; 0 for none.
    pub address: u64,
    /// The bytes that were asked for.
    pub bytes: u64,
    /// The alignment that was asked for, in bytes.
    pub align: u64,
}

impl TraceRecord {
    /// Words of a record.
    pub const WORDS: usize = 6;

    /// A record of an operation that ended in an error and says nothing else.
    #[must_use]
    pub fn new(op: TraceOp) -> Self {
        Self {
            op,
            flags: TraceFlags::FAILED,
            protection: Protection::default(),
            huge: Huge::default(),
            node: None,
            cpu: CpuId(0),
            time: 0,
            id: 0,
            address: 0,
            bytes: 0,
            align: 0,
        }
    }

    /// An allocation, with the region if it made one.
    pub(crate) fn allocate(request: &Request, made: Option<(RegionId, PageRange)>) -> Self {
        let mut record = Self::new(TraceOp::Allocate);
        record.flags.set(TraceFlags::FAILED, made.is_none());
        record.id = made.map_or(0, |(id, _)| id.get());
        record.address = made.map_or(0, |(_, range)| range.address().as_u64());
        record.bytes = request.requested();
        record.align = request.alignment().bytes();
        record.protection = request.wanted_protection();
        record.huge = request.wanted_huge();
        record.flags.set(TraceFlags::ZEROED, request.is_zeroed());
        record.flags.set(TraceFlags::SYSTEM, request.is_system());
        record.flags.set(TraceFlags::RESERVE, request.may_take_reserve());
        if let Some((node, only)) = request.wanted_node() {
            record.node = Some(node);
            record.flags.set(TraceFlags::ONLY_NODE, only);
        }
        record
    }

    /// An operation on a region by its id.
    pub(crate) fn named(op: TraceOp, id: RegionId, succeeded: bool) -> Self {
        let mut record = Self { id: id.get(), ..Self::new(op) };
        record.flags.set(TraceFlags::FAILED, !succeeded);
        record
    }

    /// A free by an address where no region starts.
    pub(crate) fn free_at(address: VirtAddr) -> Self {
        Self { address: address.as_u64(), ..Self::new(TraceOp::Free) }
    }

    /// A purge.
    pub(crate) fn purge() -> Self {
        Self { flags: TraceFlags::empty(), ..Self::new(TraceOp::Purge) }
    }

    /// Whether the operation ended in an error.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.flags.contains(TraceFlags::FAILED)
    }

    /// The record in the binary form that the module describes.
    #[must_use]
    pub fn to_words(&self) -> [u64; Self::WORDS] {
        let flags = u64::from(self.flags.bits()) << FLAGS_SHIFT;
        let wishes = (self.protection as u64) << PROTECTION_SHIFT
            | (self.huge as u64) << HUGE_SHIFT
            | self.node.map_or(0, |node| u64::from(node) + 1) << NODE_SHIFT;
        let head = self.op as u64 | flags | wishes | u64::from(self.cpu.0) << CPU_SHIFT;
        [head, self.time, self.id, self.address, self.bytes, self.align]
    }

    /// The record of a binary form; none if the operation or a flag is unknown.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "fields are cut out of a word")]
    pub fn from_words(words: [u64; Self::WORDS]) -> Option<Self> {
        let [head, time, id, address, bytes, align] = words;
        let op = TraceOp::ALL.into_iter().find(|op| *op as u64 == head & OP_MASK)?;
        let flags = TraceFlags::from_bits((head >> FLAGS_SHIFT) as u8)?;
        if head & RESERVED != 0 {
            return None;
        }
        let protection = Protection::from_number(head >> PROTECTION_SHIFT & 3);
        let huge = match head >> HUGE_SHIFT & 3 {
            0 => Huge::Never,
            1 => Huge::Try,
            2 => Huge::Must,
            _ => return None,
        };
        let node = (head >> NODE_SHIFT & 0xff) as u32;
        let node = node.checked_sub(1);
        let cpu = CpuId((head >> CPU_SHIFT) as u32);
        Some(Self { op, flags, protection, huge, node, cpu, time, id, address, bytes, align })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_back() {
        for op in TraceOp::ALL {
            for bits in 0..=TraceFlags::all().bits() {
                let record = TraceRecord {
                    op,
                    flags: TraceFlags::from_bits(bits).unwrap(),
                    protection: Protection::from_number(u64::from(bits) % 4),
                    huge: [Huge::Never, Huge::Try, Huge::Must][usize::from(bits) % 3],
                    node: if bits % 2 == 0 { None } else { Some(u32::from(bits)) },
                    cpu: CpuId(u32::MAX - u32::from(bits)),
                    time: u64::MAX,
                    id: 1 << 52 | 7,
                    address: 0xffff_c900_0000_1000,
                    bytes: 12_345,
                    align: 1 << 63,
                };
                assert_eq!(TraceRecord::from_words(record.to_words()), Some(record));
            }
        }
    }

    #[test]
    fn the_first_word_is_as_described() {
        let record = TraceRecord { cpu: CpuId(3), id: 9, ..TraceRecord::new(TraceOp::Resize) };
        assert_eq!(record.to_words(), [3 << 32 | 1 << 16 | 1 << 8 | 3, 0, 9, 0, 0, 0]);
    }

    #[test]
    fn what_is_unknown_is_no_record() {
        for head in [0, 6, 0xff, 1 | 1 << 13, 1 | 3 << 18, 1 | 1 << 31] {
            assert_eq!(TraceRecord::from_words([head, 0, 0, 0, 0, 0]), None, "{head:#x}");
        }
    }
}
