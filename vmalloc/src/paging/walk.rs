//! The entries on the way to one address, level by level.

use x86_64::{PhysAddr, VirtAddr};

use super::entry::Entry;

/// The entries that an address passes, from level 4 down to the leaf.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// The address that was walked.
    pub address: VirtAddr,
    /// Index 0 is level 4, index 3 the leaf; `None` below an absent or a large entry.
    pub entries: [Option<Entry>; 4],
}

impl Walk {
    /// The entry that decides, with its level: the lowest one there is.
    #[must_use]
    pub fn last(&self) -> Option<(u8, Entry)> {
        (1..=4).zip(self.entries.iter().rev()).find_map(|(level, entry)| Some((level, (*entry)?)))
    }

    /// The physical address, if every level is present.
    #[must_use]
    pub fn translation(&self) -> Option<PhysAddr> {
        let (level, entry) = self.last().filter(|(_, entry)| entry.is_present())?;
        let size = 1u64 << (12 + 9 * (u32::from(level) - 1));
        let frame = entry.frame().start_address().as_u64() & !(size - 1);
        Some(PhysAddr::new(frame + (self.address.as_u64() & (size - 1))))
    }
}
