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

/// The mark of an entry that is not present, but is a leaf that keeps its frame. The hardware
/// ignores this bit in such entries.
const KEPT: u64 = 1 << 9;

/// The mark of an entry that is not present, but keeps the frame of an unlinked table.
const UNLINKED: u64 = 1 << 10;

/// The value of an entry when it was read. Since then the hardware may have set accessed or dirty
/// bits in the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry(u64);

impl Entry {
    /// The entry of an unmapped page.
    pub(crate) const ABSENT: Self = Self(0);

    /// Wraps the 64 bits of an entry in a table.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// Returns the 64 bits of the entry.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Creates an entry that points to a table. It allows writing and execution, so that the leaf
    /// entry alone decides the rights.
    pub(crate) fn table(frame: Frame) -> Self {
        let flags = Flags::PRESENT | Flags::WRITABLE;
        Self(frame.start_address().as_u64() | flags.bits())
    }

    /// Creates the entry of an unlinked table. It is not present, so the hardware does not use the
    /// table, but it keeps the frame, so that the table can be linked again before it is freed.
    pub(crate) fn unlinked(frame: Frame) -> Self {
        Self(frame.start_address().as_u64() | UNLINKED)
    }

    /// Returns the flags of a leaf with these rights, without an address.
    pub(crate) fn rights(protection: Protection) -> u64 {
        let flags = match protection {
            Protection::ReadOnly => Flags::PRESENT | Flags::NO_EXECUTE,
            Protection::ReadWrite => Flags::PRESENT | Flags::NO_EXECUTE | Flags::WRITABLE,
            Protection::ReadExecute => Flags::PRESENT,
            Protection::None => return KEPT,
        };
        flags.bits()
    }

    /// Creates a leaf that maps `frame` with the flags that [`rights`](Self::rights) returned.
    pub(crate) fn leaf(frame: Frame, rights: u64) -> Self {
        Self(frame.start_address().as_u64() | rights)
    }

    /// Creates a leaf of 2 MiB that maps 512 adjacent frames; `frame` is the first one.
    pub(crate) fn large(frame: Frame, rights: u64) -> Self {
        Self(frame.start_address().as_u64() | rights | Flags::HUGE_PAGE.bits())
    }

    /// Returns whether this entry of an upper table is a leaf, present or with a kept frame.
    pub(crate) fn is_large(self) -> bool {
        self.has_frame() && self.0 & Flags::HUGE_PAGE.bits() != 0
    }

    /// Returns the flags of a large leaf for the small leaves that replace it: without the size bit
    /// and without accessed and dirty bits.
    pub(crate) fn small_rights(self) -> u64 {
        let status = Flags::ACCESSED | Flags::DIRTY | Flags::HUGE_PAGE;
        self.0 & !ADDRESS_BITS & !status.bits()
    }

    /// Returns a leaf with the same flags whose frame lies `frames` frames higher in memory.
    #[inline]
    pub(crate) fn further(self, frames: u64) -> Self {
        Self(self.0 + frames * PAGE_BYTES)
    }

    /// Returns the same leaf with other [`rights`](Self::rights).
    pub(crate) fn with_rights(self, rights: u64) -> Self {
        let size = self.0 & Flags::HUGE_PAGE.bits();
        Self(self.0 & ADDRESS_BITS | rights | size)
    }

    /// Returns the flag bits of the entry.
    #[must_use]
    pub fn flags(self) -> Flags {
        Flags::from_bits_truncate(self.0 & !ADDRESS_BITS)
    }

    /// Returns whether the hardware uses the entry.
    #[must_use]
    pub fn is_present(self) -> bool {
        self.flags().contains(Flags::PRESENT)
    }

    /// Returns whether the entry is a leaf with a frame. The hardware uses the entry only if it is
    /// also present.
    pub(crate) fn has_frame(self) -> bool {
        self.0 & (Flags::PRESENT.bits() | KEPT) != 0
    }

    /// Returns whether the entry keeps an unlinked table.
    pub(crate) fn is_unlinked(self) -> bool {
        !self.is_present() && self.0 & UNLINKED != 0
    }

    /// Returns the frame that the entry points to.
    #[must_use]
    pub fn frame(self) -> Frame {
        Frame::containing_address(PhysAddr::new_truncate(self.0 & ADDRESS_BITS))
    }

    /// Returns whether a present entry allows writing.
    pub(crate) fn is_writable(self) -> bool {
        self.flags().contains(Flags::WRITABLE)
    }

    /// Returns whether a present entry allows execution.
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

    /// Returns whether a present entry allows both writing and execution. No leaf of the window may
    /// do so.
    pub(crate) fn is_writable_and_executable(self) -> bool {
        self.is_writable() && self.is_executable()
    }
}

/// Prints the flags as short words, such as `P W A D NX`.
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
