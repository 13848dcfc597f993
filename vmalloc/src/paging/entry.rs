//! One page-table entry of any level.
//!
//! # Source
//!
//! Intel SDM volume 3, "4-Level Paging", the tables on the formats of the entries.

use core::fmt;

use x86_64::PhysAddr;
use x86_64::structures::paging::PageTableFlags as Flags;

use crate::page::{Frame, PAGE_BYTES};
use crate::request::Protection;

const ADDRESS_BITS: u64 = 0x000f_ffff_ffff_f000;

/// In an entry that is not present, which the hardware ignores: a leaf that keeps its frame.
const KEPT: u64 = 1 << 9;

/// In an entry that is not present: a table that is on its way out.
const UNLINKED: u64 = 1 << 10;

/// An entry as it was read once. The hardware may have changed the table since.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry(u64);

impl Entry {
    /// The entry of an unmapped page.
    pub(crate) const ABSENT: Self = Self(0);

    /// Takes the 64 bits as the table holds them.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The 64 bits as the table holds them.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Points to a table: writable and executable, because leaves alone decide rights.
    pub(crate) fn table(frame: Frame) -> Self {
        let flags = Flags::PRESENT | Flags::WRITABLE;
        Self(frame.start_address().as_u64() | flags.bits())
    }

    /// The entry of an unlinked table: not present, but it keeps the frame, so that the table can
    /// be linked again until it is freed.
    pub(crate) fn unlinked(frame: Frame) -> Self {
        Self(frame.start_address().as_u64() | UNLINKED)
    }

    /// The rights of a leaf, without an address.
    pub(crate) fn rights(protection: Protection) -> u64 {
        let flags = match protection {
            Protection::ReadOnly => Flags::PRESENT | Flags::NO_EXECUTE,
            Protection::ReadWrite => Flags::PRESENT | Flags::NO_EXECUTE | Flags::WRITABLE,
            Protection::ReadExecute => Flags::PRESENT,
            Protection::None => return KEPT,
        };
        flags.bits()
    }

    /// Maps a frame with [`rights`](Self::rights).
    pub(crate) fn leaf(frame: Frame, rights: u64) -> Self {
        Self(frame.start_address().as_u64() | rights)
    }

    /// Maps 512 adjacent frames, from the first one on.
    pub(crate) fn large(frame: Frame, rights: u64) -> Self {
        Self(frame.start_address().as_u64() | rights | Flags::HUGE_PAGE.bits())
    }

    /// Whether this entry of an upper table is a leaf, present or kept.
    pub(crate) fn is_large(self) -> bool {
        self.has_frame() && self.0 & Flags::HUGE_PAGE.bits() != 0
    }

    /// The rights of a large leaf, for small ones in its place.
    pub(crate) fn small_rights(self) -> u64 {
        let status = Flags::ACCESSED | Flags::DIRTY | Flags::HUGE_PAGE;
        self.0 & !ADDRESS_BITS & !status.bits()
    }

    /// The same leaf of the frame that lies `frames` frames further up in the same memory.
    #[inline]
    pub(crate) fn further(self, frames: u64) -> Self {
        Self(self.0 + frames * PAGE_BYTES)
    }

    /// The same leaf with other [`rights`](Self::rights).
    pub(crate) fn with_rights(self, rights: u64) -> Self {
        let size = self.0 & Flags::HUGE_PAGE.bits();
        Self(self.0 & ADDRESS_BITS | rights | size)
    }

    /// The bits that are flags.
    #[must_use]
    pub fn flags(self) -> Flags {
        Flags::from_bits_truncate(self.0 & !ADDRESS_BITS)
    }

    /// Whether the hardware uses the entry.
    #[must_use]
    pub fn is_present(self) -> bool {
        self.flags().contains(Flags::PRESENT)
    }

    /// Whether the entry says which frame lies here, though the hardware may not use it.
    pub(crate) fn has_frame(self) -> bool {
        self.0 & (Flags::PRESENT.bits() | KEPT) != 0
    }

    /// Whether it is a table that was taken out of the hardware's sight.
    pub(crate) fn is_unlinked(self) -> bool {
        !self.is_present() && self.0 & UNLINKED != 0
    }

    /// The frame that an entry points to.
    #[must_use]
    pub fn frame(self) -> Frame {
        Frame::containing_address(PhysAddr::new_truncate(self.0 & ADDRESS_BITS))
    }

    /// Whether a present entry lets the memory be written.
    pub(crate) fn is_writable(self) -> bool {
        self.flags().contains(Flags::WRITABLE)
    }

    /// Whether a present entry lets code be run.
    pub(crate) fn is_executable(self) -> bool {
        !self.flags().contains(Flags::NO_EXECUTE)
    }

    /// Returns whether both entries are equal except for accessed and dirty bits.
    #[inline]
    pub(crate) fn is_like(self, other: Self) -> bool {
        let noted = Flags::ACCESSED.bits() | Flags::DIRTY.bits();
        (self.0 ^ other.0) & !noted == 0
    }

    /// Returns whether the leaf has exactly these [`rights`](Self::rights), ignoring accessed and
    /// dirty bits.
    pub(crate) fn has_rights(self, rights: u64) -> bool {
        let status = Flags::ACCESSED | Flags::DIRTY | Flags::HUGE_PAGE;
        self.0 & !ADDRESS_BITS & !status.bits() == rights
    }

    /// Whether the entry lets code be run that can also be written.
    pub(crate) fn is_writable_and_executable(self) -> bool {
        self.is_writable() && self.is_executable()
    }
}

/// Prints the flags as short words: `P W NX A D`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Flags, &str); 9] = [
            (Flags::PRESENT, "P"),
            (Flags::WRITABLE, "W"),
            (Flags::USER_ACCESSIBLE, "U"),
            (Flags::WRITE_THROUGH, "PWT"),
            (Flags::NO_CACHE, "PCD"),
            (Flags::ACCESSED, "A"),
            (Flags::DIRTY, "D"),
            (Flags::GLOBAL, "G"),
            (Flags::NO_EXECUTE, "NX"),
        ];
        if !self.is_present() {
            return f.write_str("-");
        }
        let mut words = NAMES.iter().filter(|(flag, _)| self.flags().contains(*flag));
        if let Some((_, word)) = words.next() {
            f.write_str(word)?;
        }
        words.try_for_each(|(_, word)| write!(f, " {word}"))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x} [{self}]", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn leaves_refuse_execution_and_are_not_global() {
        let frame = Frame::containing_address(PhysAddr::new(0x1234_5000));
        let absent = Entry::leaf(frame, Entry::rights(Protection::None));
        assert!(!absent.is_present() && absent.has_frame() && absent.frame() == frame);
        let code = Entry::leaf(frame, Entry::rights(Protection::ReadExecute));
        assert!(!code.is_writable_and_executable() && !code.flags().contains(Flags::NO_EXECUTE));
        for protection in [Protection::ReadOnly, Protection::ReadWrite] {
            let leaf = Entry::leaf(frame, Entry::rights(protection));
            assert!(leaf.is_present() && leaf.flags().contains(Flags::NO_EXECUTE));
            assert!(!leaf.flags().contains(Flags::GLOBAL));
            assert_eq!(leaf.frame(), frame);
            let writable = leaf.flags().contains(Flags::WRITABLE);
            assert_eq!(writable, protection == Protection::ReadWrite);
        }
    }

    #[test]
    fn flags_print_as_words() {
        let frame = Frame::containing_address(PhysAddr::new(0x1000));
        let leaf = Entry::leaf(frame, Entry::rights(Protection::ReadWrite));
        assert_eq!(leaf.to_string(), "P W NX");
        assert_eq!(Entry::ABSENT.to_string(), "-");
    }
}
