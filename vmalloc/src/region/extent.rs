//! The number and the properties of a slot's pages, in one word.

use crate::page::PAGE_BYTES;
use crate::request::Protection;

const SYSTEM: u64 = 1 << 63;
const ZEROED: u64 = 1 << 62;
const MAPPED: u64 = 1 << 61;
const TAIL: u64 = 1 << 60;
const LARGE: u64 = 1 << 59;
const DETACHED: u64 = 1 << 58;
const PROTECTION_SHIFT: u32 = 56;
const PROTECTION_BITS: u64 = 3 << PROTECTION_SHIFT;
const ALIGN_SHIFT: u32 = 50;
const ALIGN_BITS: u64 = 0x3f << ALIGN_SHIFT;
/// Bytes of the last page that were not asked for: always less than a page.
const SLACK_SHIFT: u32 = 38;
const SLACK_BITS: u64 = 0xfff << SLACK_SHIFT;
const PAGES: u64 = (1 << SLACK_SHIFT) - 1;

/// The properties of a region's pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) system: bool,
    /// Added pages must read as zeros.
    pub(crate) zeroed: bool,
    /// The frames are the caller's.
    pub(crate) mapped: bool,
    /// The record is the end of a region that goes on: its first page is that region's guard now.
    pub(crate) tail: bool,
    /// Some leaves are large.
    pub(crate) large: bool,
    pub(crate) protection: Protection,
    /// The logarithm of the alignment in pages.
    pub(crate) align: u32,
}

impl Traits {
    #[inline]
    fn bits(self) -> u64 {
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        flag(self.system, SYSTEM)
            | flag(self.zeroed, ZEROED)
            | flag(self.mapped, MAPPED)
            | flag(self.tail, TAIL)
            | flag(self.large, LARGE)
            | (self.protection as u64) << PROTECTION_SHIFT
            | u64::from(self.align) << ALIGN_SHIFT
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        Self {
            system: bits & SYSTEM != 0,
            zeroed: bits & ZEROED != 0,
            mapped: bits & MAPPED != 0,
            tail: bits & TAIL != 0,
            large: bits & LARGE != 0,
            protection: Protection::from_number((bits & PROTECTION_BITS) >> PROTECTION_SHIFT),
            align: ((bits & ALIGN_BITS) >> ALIGN_SHIFT) as u32,
        }
    }
}

/// The number and the properties of a slot's pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent(u64);

impl Extent {
    /// Pages of which `requested` bytes were asked for, less than a page below their end.
    #[inline]
    pub(super) fn new(pages: u64, requested: u64, traits: Traits) -> Self {
        Self(pages | (pages * PAGE_BYTES - requested) << SLACK_SHIFT | traits.bits())
    }

    /// Whole pages.
    #[inline]
    pub(super) fn whole(pages: u64, traits: Traits) -> Self {
        Self(pages | traits.bits())
    }

    #[inline]
    pub(super) fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline]
    pub(super) fn word(self) -> u64 {
        self.0
    }

    /// The same, which the tables count no more.
    pub(super) fn detached(self) -> Self {
        Self(self.0 | DETACHED)
    }

    /// The properties of the pages.
    #[inline]
    pub(super) fn traits(self) -> Traits {
        Traits::from_bits(self.0)
    }

    /// The bytes that were asked for.
    pub(super) fn requested(self) -> u64 {
        self.pages() * PAGE_BYTES - ((self.0 & SLACK_BITS) >> SLACK_SHIFT)
    }

    /// Returns whether this extent is the end that was cut off a region when the region shrank in place. The
    /// first page of such an extent is the guard page of the shrunk region, which lies directly below.
    #[inline]
    pub(super) fn is_tail(self) -> bool {
        self.0 & TAIL != 0
    }

    /// Pages that are or were mapped.
    #[inline]
    pub(crate) fn pages(self) -> u64 {
        self.0 & PAGES
    }

    /// Pages of addresses: as [`Slot::addresses`](super::slot::Slot::addresses) has it.
    #[inline]
    pub(crate) fn length(self) -> u64 {
        self.pages() + u64::from(!self.is_tail())
    }

    /// Whether the region is the kernel's own.
    #[inline]
    pub(crate) fn is_system(self) -> bool {
        self.0 & SYSTEM != 0
    }

    /// Whether it is pages on frames of the crate's, single ones, with their own guard, and not the
    /// kernel's.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (SYSTEM | MAPPED | TAIL | LARGE) == 0
    }

    /// Whether the tables count its pages no more.
    #[inline]
    pub(crate) fn is_detached(self) -> bool {
        self.0 & DETACHED != 0
    }

    /// Whether some leaves are large.
    #[inline]
    pub(crate) fn is_large(self) -> bool {
        self.0 & LARGE != 0
    }

    /// Whether the frames are the caller's.
    #[inline]
    pub(crate) fn is_mapped(self) -> bool {
        self.0 & MAPPED != 0
    }
}
