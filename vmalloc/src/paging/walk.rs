//! The result of walking the page tables for one address.

use x86_64::{PhysAddr, VirtAddr};

use super::entry::Entry;

/// The entries that the translation of an address reads, from level 4 down to the leaf.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// The address that was walked.
    pub address: VirtAddr,
    /// The entries by level: index 0 is level 4, index 3 is level 1. Entries below an absent entry
    /// or a large leaf are `None`, and so are all entries of an address outside the window.
    pub entries: [Option<Entry>; 4],
}

impl Walk {
    /// Returns the lowest entry that the walk read, with its level. This entry decides the
    /// translation.
    #[must_use]
    pub fn last(&self) -> Option<(u8, Entry)> {
        (1..=4).zip(self.entries.iter().rev()).find_map(|(level, entry)| Some((level, (*entry)?)))
    }

    /// Returns the physical address, or `None` if an entry is not present.
    #[must_use]
    pub fn translation(&self) -> Option<PhysAddr> {
        let (level, entry) = self.last().filter(|(_, entry)| entry.is_present())?;
        let size = 1u64 << (12 + 9 * (u32::from(level) - 1));
        let frame = entry.frame().start_address().as_u64() & !(size - 1);
        Some(PhysAddr::new(frame + (self.address.as_u64() & (size - 1))))
    }
}
