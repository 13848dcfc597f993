//! Parses the SRAT, the table of the firmware that assigns CPUs and memory to proximity domains (NUMA nodes).
//!
//! # Source
//!
//! ACPI specification, "System Resource Affinity Table (SRAT)".

use crate::platform::span::Span;

/// Offset of the first entry, behind the common table header and 12 reserved bytes.
const ENTRIES_OFFSET: usize = 48;
/// Flag of an enabled entry. Entries without it are ignored.
const ENABLED: u32 = 1;

/// The content of one entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// A CPU belongs to a domain.
    Cpu {
        /// APIC identifier of the CPU.
        identifier: u32,
        /// Proximity domain.
        domain: u32,
    },
    /// Memory belongs to a domain.
    Memory {
        /// Addresses of the memory.
        span: Span,
        /// Proximity domain.
        domain: u32,
    },
}

/// Iterates over the enabled entries of a table. An entry that is too short for its type is ignored. A truncated entry
/// ends the iteration.
pub fn affinities(table: &[u8]) -> impl Iterator<Item = Affinity> {
    entries(table.get(ENTRIES_OFFSET..).unwrap_or_default()).filter_map(affinity)
}

fn entries(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let length = usize::from(*rest.get(1)?);
        // The length includes the two bytes of type and length. A shorter one is invalid, and 0 would make the loop
        // endless.
        let (entry, behind) = rest.split_at_checked(length).filter(|_| length >= 2)?;
        rest = behind;
        Some(entry)
    })
}

fn affinity(entry: &[u8]) -> Option<Affinity> {
    let (affinity, flags) = match entry[0] {
        0 => {
            let [low, high @ ..] =
                [*entry.get(2)?, *entry.get(9)?, *entry.get(10)?, *entry.get(11)?];
            let domain = u32::from_le_bytes([low, high[0], high[1], high[2]]);
            (Affinity::Cpu { identifier: (*entry.get(3)?).into(), domain }, word(entry, 4)?)
        }
        1 => {
            let span = Span::from_bytes(long(entry, 8)?, long(entry, 16)?);
            (Affinity::Memory { span, domain: word(entry, 2)? }, word(entry, 28)?)
        }
        2 => {
            let cpu = Affinity::Cpu { identifier: word(entry, 8)?, domain: word(entry, 4)? };
            (cpu, word(entry, 12)?)
        }
        _ => return None,
    };
    (flags & ENABLED != 0).then_some(affinity)
}

fn word(entry: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*entry.get(offset..)?.first_chunk()?))
}

fn long(entry: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*entry.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with a CPU, memory, a CPU with a long identifier, and disabled memory.
    fn table() -> Vec<u8> {
        let mut table = vec![0; ENTRIES_OFFSET];
        table.extend([0, 16, 1, 3, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]);
        for (base, bytes, domain, flags) in
            [(0x10_0000_u64, 0x8000_u64, 5_u32, 1_u32), (0, 1, 9, 0)]
        {
            table.extend([1, 40]);
            table.extend(domain.to_le_bytes());
            table.extend([0; 2]);
            table.extend(base.to_le_bytes());
            table.extend(bytes.to_le_bytes());
            table.extend([0; 4]);
            table.extend(flags.to_le_bytes());
            table.extend([0; 8]);
        }
        table.extend([2, 24, 0, 0, 7, 0, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        table
    }

    fn expected() -> [Affinity; 3] {
        [
            Affinity::Cpu { identifier: 3, domain: 0x201 },
            Affinity::Memory { span: Span::from_bytes(0x10_0000, 0x8000), domain: 5 },
            Affinity::Cpu { identifier: 300, domain: 7 },
        ]
    }

    #[test]
    fn every_kind_of_entry_is_read() {
        assert!(affinities(&table()).eq(expected()));
    }

    #[test]
    fn a_truncated_table_has_fewer_entries() {
        let table = table();
        for length in 0..table.len() {
            let found: Vec<_> = affinities(&table[..length]).collect();
            assert!(expected().starts_with(&found), "{length}");
        }
    }

    #[test]
    fn an_entry_without_a_length_ends_the_table() {
        let mut table = table();
        table[ENTRIES_OFFSET + 1] = 0;
        assert_eq!(affinities(&table).count(), 0);
    }

    #[test]
    fn an_entry_that_is_too_short_for_its_type_is_ignored() {
        let mut table = vec![0; ENTRIES_OFFSET];
        table.extend([1, 4, 0, 0]);
        table.extend([2, 2]);
        assert_eq!(affinities(&table).count(), 0);
    }
}
