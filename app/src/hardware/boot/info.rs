//! Copies the loader's records at the start, before the image writes to the memory in which they lie.

#![expect(unsafe_code, reason = "follows the physical addresses of the start info")]

use core::fmt;

use arrayvec::ArrayVec;
use pvh::start_info::reader::StartInfoReader;
use pvh::start_info::{MemmapTableEntry, MemmapType};
use runtime_config::limits::COMMAND_LINE_BYTES_MAX;
use spin::Once;

use crate::hardware::boot::acpi;
use crate::hardware::boot::entry::{MAPPED_BYTES, StartInfo};
use crate::platform::memory_map::{MemoryKind, MemoryMap};
use crate::platform::span::Span;
use crate::platform::topology::Topology;

static INFO: Once<BootInfo> = Once::new();

/// A copy of the loader's records. It contains no reference to the originals, which may be overwritten.
#[derive(Debug)]
pub(crate) struct BootInfo {
    /// The RAM that the loader reports, including the memory of the image itself.
    pub(crate) memory: MemoryMap,
    /// The CPUs and NUMA nodes that the ACPI tables contain.
    pub(crate) topology: Topology,
    /// The physical address of the RSDP, the root of the ACPI tables.
    pub(crate) rsdp: Option<u64>,
    command_line: ArrayVec<u8, COMMAND_LINE_BYTES_MAX>,
}

impl BootInfo {
    /// Copies the loader's records, once. [`get`](Self::get) then returns the copy.
    ///
    /// # Errors
    ///
    /// The loader's records violate the boot protocol.
    ///
    /// # Context
    ///
    /// At the start, before the image writes to memory outside its own sections.
    pub(crate) fn keep(start_info: StartInfo) -> Result<&'static Self, BadStartInfo> {
        INFO.try_call_once(|| Self::copy(start_info))
    }

    /// Returns the copy that [`keep`](Self::keep) has made.
    ///
    /// # Panics
    ///
    /// [`keep`](Self::keep) was not called.
    pub(crate) fn get() -> &'static Self {
        INFO.get().expect("the loader's records are kept first of all")
    }

    fn copy(start_info: StartInfo) -> Result<Self, BadStartInfo> {
        let address = start_info.address();
        // SAFETY: 1. holding a `StartInfo` proves that the loader passed the address, and that the
        // first 4 GiB are mapped at offset 0. 2. The reader checks the magic number first.
        let reader = unsafe { StartInfoReader::from_paddr_identity(address) };
        let reader = reader.ok_or(BadStartInfo::Magic { address })?;
        let raw = reader.raw();
        if raw.version < 1 || raw.memmap_paddr == 0 {
            return Err(BadStartInfo::NoMemoryMap { version: raw.version });
        }
        for address in [raw.memmap_paddr, raw.cmdline_paddr] {
            if address >= MAPPED_BYTES {
                return Err(BadStartInfo::OutOfReach { address });
            }
        }
        let command_line = reader.cmdline().map_or(&[][..], |line| line.to_bytes());
        let kept = command_line.len().min(COMMAND_LINE_BYTES_MAX);
        Ok(Self {
            memory: MemoryMap::from_entries(reader.memmap().iter().map(entry)),
            topology: acpi::topology(raw.rsdp_paddr),
            rsdp: Some(raw.rsdp_paddr).filter(|address| *address != 0),
            command_line: command_line[..kept].iter().copied().collect(),
        })
    }

    /// Returns the command line up to the first byte that is not UTF-8.
    pub(crate) fn command_line(&self) -> &str {
        match core::str::from_utf8(&self.command_line) {
            Ok(line) => line,
            Err(error) => {
                core::str::from_utf8(&self.command_line[..error.valid_up_to()]).unwrap_or_default()
            }
        }
    }
}

fn entry(entry: &MemmapTableEntry) -> (Span, MemoryKind) {
    let kind = if entry.ty() == MemmapType::Ram { MemoryKind::Ram } else { MemoryKind::Other };
    (Span::from_bytes(entry.addr, entry.size), kind)
}

/// Violations of the boot protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BadStartInfo {
    /// The memory at the passed address contains no start info.
    Magic {
        /// The address of the start info.
        address: u32,
    },
    /// The loader passes no memory map.
    NoMemoryMap {
        /// Version of the start info.
        version: u32,
    },
    /// A record lies above the memory that the entry code maps.
    OutOfReach {
        /// Address of the record.
        address: u64,
    },
}

impl fmt::Display for BadStartInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic { address } => write!(f, "no PVH start info at {address:#x}"),
            Self::NoMemoryMap { version } => {
                write!(f, "PVH start info version {version} has no memory map")
            }
            Self::OutOfReach { address } => write!(f, "PVH record at {address:#x} is above 4 GiB"),
        }
    }
}
