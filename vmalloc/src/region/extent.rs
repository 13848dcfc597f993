//! Packs the number of pages of a slot and their properties into one word, so that they are read
//! and written together.

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
/// The position of the alignment or, for frames of the caller of `vmap`, of the promised rights.
const ALIGN_SHIFT: u32 = 50;
const ALIGN_BITS: u64 = 0x3f << ALIGN_SHIFT;
/// The position of the slack: the bytes of the last page beyond the requested size, which are
/// always fewer than a page.
const SLACK_SHIFT: u32 = 38;
const SLACK_BITS: u64 = 0xfff << SLACK_SHIFT;
/// Whether the address of the slot is in its second place. A window has fewer pages than this bit.
const ELSEWHERE: u64 = 1 << 37;
const PAGES: u64 = ELSEWHERE - 1;

/// The properties of the pages of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) system: bool,
    /// Whether pages that are added by a resize must contain zeros.
    pub(crate) zeroed: bool,
    /// Whether the frames belong to the caller of `vmap`.
    pub(crate) mapped: bool,
    /// Whether the slot describes the end that was cut off a region when the region shrank. The
    /// first page of such a tail is the guard page of the shrunk region.
    pub(crate) tail: bool,
    /// Whether some leaves are of 2 MiB.
    pub(crate) large: bool,
    pub(crate) protection: Protection,
    /// The base-2 logarithm of the alignment in pages. 0 if `mapped` is set.
    pub(crate) align: u32,
    /// The rights that the caller of `vmap` has promised. Recorded only if `mapped` is set, in the
    /// place of the alignment.
    pub(crate) promised: Protection,
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
            | self.align_bits() << ALIGN_SHIFT
    }

    #[inline]
    fn align_bits(self) -> u64 {
        if self.mapped { self.promised as u64 } else { u64::from(self.align) }
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        let mapped = bits & MAPPED != 0;
        let align = ((bits & ALIGN_BITS) >> ALIGN_SHIFT) as u32;
        Self {
            system: bits & SYSTEM != 0,
            zeroed: bits & ZEROED != 0,
            mapped,
            tail: bits & TAIL != 0,
            large: bits & LARGE != 0,
            protection: Protection::from_number((bits & PROTECTION_BITS) >> PROTECTION_SHIFT),
            align: if mapped { 0 } else { align },
            promised: if mapped {
                Protection::from_number(align.into())
            } else {
                Protection::default()
            },
        }
    }
}

/// The number of pages of a slot and their properties.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent(u64);

impl Extent {
    /// Creates the extent of a region with `pages` pages, of which the caller requested `requested`
    /// bytes. `requested` is less than a page below the size of the pages.
    #[inline]
    pub(super) fn new(pages: u64, requested: u64, traits: Traits) -> Self {
        Self(pages | (pages * PAGE_BYTES - requested) << SLACK_SHIFT | traits.bits())
    }

    /// Creates the extent of `pages` pages that are used as a whole.
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

    /// Returns the same extent, which selects the second place for the address.
    pub(super) fn elsewhere(self) -> Self {
        Self(self.0 | ELSEWHERE)
    }

    /// Returns whether the address of the slot is in its second place.
    pub(super) fn is_elsewhere(self) -> bool {
        self.0 & ELSEWHERE != 0
    }

    /// Returns the same extent, marked as no longer counted by the page tables.
    pub(super) fn detached(self) -> Self {
        Self(self.0 | DETACHED)
    }

    /// Returns the properties of the pages.
    #[inline]
    pub(super) fn traits(self) -> Traits {
        Traits::from_bits(self.0)
    }

    /// Returns the number of bytes that were requested.
    pub(super) fn requested(self) -> u64 {
        self.pages() * PAGE_BYTES - ((self.0 & SLACK_BITS) >> SLACK_SHIFT)
    }

    /// Returns whether this extent is the end that was cut off a region when the region shrank. Its
    /// first page is the guard page of the shrunk region.
    #[inline]
    pub(super) fn is_tail(self) -> bool {
        self.0 & TAIL != 0
    }

    /// Returns the number of pages that are mapped, or were mapped before the free.
    #[inline]
    pub(crate) fn pages(self) -> u64 {
        self.0 & PAGES
    }

    /// Returns the length of the area in pages: one more for the guard page, except for a tail,
    /// which has lost its first page and has gained the guard page at its end.
    #[inline]
    pub(crate) fn length(self) -> u64 {
        self.pages() + u64::from(!self.is_tail())
    }

    /// Returns whether the region belongs to the kernel itself.
    #[inline]
    pub(crate) fn is_system(self) -> bool {
        self.0 & SYSTEM != 0
    }

    /// Returns whether the pages are plain: of a client region that is not a tail, on single frames
    /// of the crate.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (SYSTEM | MAPPED | TAIL | LARGE) == 0
    }

    /// Returns whether the page tables no longer count these pages.
    #[inline]
    pub(crate) fn is_detached(self) -> bool {
        self.0 & DETACHED != 0
    }

    /// Returns whether some leaves are of 2 MiB.
    #[inline]
    pub(crate) fn is_large(self) -> bool {
        self.0 & LARGE != 0
    }

    /// Returns whether the frames belong to the caller of `vmap`.
    #[inline]
    pub(crate) fn is_mapped(self) -> bool {
        self.0 & MAPPED != 0
    }
}
