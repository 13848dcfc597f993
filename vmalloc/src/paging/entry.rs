//! One page-table entry of any level.
//!
//! # Source
//!
//! Intel SDM volume 3, "4-Level Paging", the tables on the formats of the entries.

use core::fmt;

use x86_64::PhysAddr;
use x86_64::structures::paging::PageTableFlags as Flags;

use crate::page::Frame;
use crate::request::Protection;

const ADDRESS_BITS: u64 = 0x000f_ffff_ffff_f000;

/// An entry as it was read once. The hardware may have changed the table since.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry(u64);

impl Entry {
    /// The entry that maps nothing.
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

    /// The rights of a leaf, without an address.
    pub(crate) fn rights(protection: Protection) -> u64 {
        let flags = match protection {
            Protection::ReadOnly => Flags::PRESENT | Flags::NO_EXECUTE,
            Protection::ReadWrite => Flags::PRESENT | Flags::NO_EXECUTE | Flags::WRITABLE,
        };
        flags.bits()
    }

    /// Maps a frame with [`rights`](Self::rights).
    pub(crate) fn leaf(frame: Frame, rights: u64) -> Self {
        Self(frame.start_address().as_u64() | rights)
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

    /// The frame that a present entry points to.
    #[must_use]
    pub fn frame(self) -> Frame {
        Frame::containing_address(PhysAddr::new_truncate(self.0 & ADDRESS_BITS))
    }

    /// Whether the entry lets code be run that can also be written.
    pub(crate) fn is_writable_and_executable(self) -> bool {
        self.flags().contains(Flags::WRITABLE) && !self.flags().contains(Flags::NO_EXECUTE)
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
