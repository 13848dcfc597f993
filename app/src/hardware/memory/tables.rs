//! Builds the page tables of the low half, which map RAM, the sections of the image, and device registers.
//!
//! The `vmalloc` crate owns the page tables of the window and adds its entries to the same level-4 table.
//!
//! **Invariant**: an entry that this module has written never changes, so no TLB flush is needed. If the image runs on
//! a kernel, the kernel may change entries of its own pages, and flushes the TLB itself.

#![expect(unsafe_code, reason = "writes page tables")]

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use runtime_config::layout::DIRECT_MAP_FINE_BYTES;
use spin::Mutex;
use x86_64::PhysAddr;
use x86_64::structures::paging::PageTableFlags as Flags;

use crate::hardware::cpu::control;
use crate::hardware::memory::{direct, image, stacks};
use crate::platform::memory_map::{MemoryMap, SPANS_MAX};
use crate::platform::span::Span;

const PAGE_BYTES: u64 = 4096;
const LARGE_BYTES: u64 = 2 << 20;
const ENTRIES: u64 = 512;
/// End of the low half.
const LOW_HALF_END: u64 = 1 << 47;
/// Number of frames reserved for page tables that map device registers. A device needs at most three new tables.
const DEVICE_TABLES: u64 = 24;

const DATA: Flags = Flags::PRESENT.union(Flags::WRITABLE).union(Flags::NO_EXECUTE);
const RODATA: Flags = Flags::PRESENT.union(Flags::NO_EXECUTE);
const TEXT: Flags = Flags::PRESENT;
/// With both cache flags, accesses are uncached whatever the memory type range registers (MTRRs) say.
const DEVICE: Flags = DATA.union(Flags::NO_CACHE).union(Flags::WRITE_THROUGH);
/// Flags of an entry that refers to another table. It restricts no right, so that the entry of the page alone
/// determines the rights.
const TABLE: Flags = Flags::PRESENT.union(Flags::WRITABLE);

/// Level of the table whose entry maps a page: 1 for a page of 4 KiB, 2 for one of 2 MiB.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Level(u32);

struct Tables {
    root: u64,
    /// Free frames for page tables. A frame is zeroed when it is taken.
    pool: Span,
    ram: MemoryMap,
}

static TABLES: Mutex<Option<Tables>> = Mutex::new(None);

/// Returns the maximum number of frames that the page tables of `ram` and of device registers need.
pub(crate) fn pool_frames(ram: &MemoryMap) -> u64 {
    let level_2 = ram.end().div_ceil(ENTRIES * LARGE_BYTES);
    let level_3 = level_2.div_ceil(ENTRIES);
    let fine = fine_end() / LARGE_BYTES;
    // Each end of a range of RAM may need a table of 4 KiB pages.
    let ends = 2 * ram.spans().len().min(SPANS_MAX) as u64;
    1 + level_3 + level_2 + fine + ends + DEVICE_TABLES
}

/// Builds the page tables of `ram` from the frames in `pool`, and loads the tables on this CPU.
///
/// # Panics
///
/// `pool` has fewer than [`pool_frames`] frames.
///
/// # Context
///
/// While the page tables of the entry code are loaded, which map `pool` at its physical addresses.
pub(crate) fn install(ram: &MemoryMap, pool: Span) {
    let mut tables = Tables { root: 0, pool, ram: ram.clone() };
    tables.root = tables.take().expect("the pool has a root");
    for span in ram.spans() {
        tables.map_ram(*span).expect("the pool is large enough for all RAM");
    }
    let root = PhysAddr::new(tables.root);
    *TABLES.lock() = Some(tables);
    // SAFETY: 1. all RAM is mapped at its own address, as before, except page 0 and the guard pages, which are
    // not used. 2. Text is executable and data is writable: `rights` uses the symbols of the link script. 3.
    // The current stack lies in data.
    unsafe { control::load_root(root) };
}

/// Maps the pages of a device's registers, uncached, at their own addresses.
///
/// # Errors
///
/// See [`MapError`].
///
/// # Context
///
/// Takes a lock, so not in trap handlers.
pub(crate) fn map_device(registers: Span) -> Result<(), MapError> {
    let span = registers.outward(PAGE_BYTES);
    let mut guard = TABLES.lock();
    let tables = guard.as_mut().expect("the tables are built before devices are mapped");
    if tables.ram.overlaps(span) {
        return Err(MapError::Ram { span });
    }
    if span.end > LOW_HALF_END {
        return Err(MapError::TooHigh { span });
    }
    for address in span.steps(PAGE_BYTES) {
        tables.map(address, Level(1), DEVICE)?;
    }
    Ok(())
}

impl Tables {
    /// Takes a frame from the pool, zeroes the frame, and returns its address.
    fn take(&mut self) -> Result<u64, MapError> {
        if self.pool.bytes() < PAGE_BYTES {
            return Err(MapError::NoTable);
        }
        let frame = self.pool.start;
        self.pool.start += PAGE_BYTES;
        for index in 0..ENTRIES {
            entry(frame, index).store(0, Ordering::Relaxed);
        }
        Ok(frame)
    }

    fn map_ram(&mut self, span: Span) -> Result<(), MapError> {
        let span = span.inward(PAGE_BYTES);
        let mut address = span.start;
        while address < span.end {
            let large = address >= fine_end()
                && address.is_multiple_of(LARGE_BYTES)
                && span.end - address >= LARGE_BYTES;
            if large {
                self.map(address, Level(2), DATA.union(Flags::HUGE_PAGE))?;
                address += LARGE_BYTES;
            } else {
                if let Some(rights) = rights(address) {
                    self.map(address, Level(1), rights)?;
                }
                address += PAGE_BYTES;
            }
        }
        Ok(())
    }

    /// Maps one page at its own address. An existing mapping is not changed.
    fn map(&mut self, address: u64, leaf: Level, flags: Flags) -> Result<(), MapError> {
        let mut table = self.root;
        for level in (leaf.0 + 1..=4).rev() {
            let upper = entry(table, index(address, level));
            let value = upper.load(Ordering::Relaxed);
            table = if value == 0 {
                let next = self.take()?;
                // Release: the MMU of another CPU, which follows this entry, must see the zeros that `take` has written
                // to the new table.
                upper.store(next | TABLE.bits(), Ordering::Release);
                next
            } else {
                value & ADDRESS_MASK
            };
        }
        let slot = entry(table, index(address, leaf.0));
        if slot.load(Ordering::Relaxed) == 0 {
            slot.store(address | flags.bits(), Ordering::Release);
        }
        Ok(())
    }
}

const ADDRESS_MASK: u64 = 0x000f_ffff_ffff_f000;

/// Returns the address below which RAM is mapped with 4 KiB pages, so that each section of the image has its own
/// rights.
pub(crate) fn fine_end() -> u64 {
    image::whole().outward(LARGE_BYTES).end.max(DIRECT_MAP_FINE_BYTES)
}

/// Returns the rights of the 4 KiB page at `address`, or `None` for page 0 and the guard pages, which are not mapped.
fn rights(address: u64) -> Option<Flags> {
    if address == 0 || stacks::guard_at(address).is_some() {
        None
    } else if image::text().holds(address) {
        Some(TEXT)
    } else if image::rodata().holds(address) {
        Some(RODATA)
    } else {
        Some(DATA)
    }
}

fn index(address: u64, level: u32) -> u64 {
    address >> (12 + 9 * (level - 1)) & (ENTRIES - 1)
}

fn entry(table: u64, index: u64) -> &'static AtomicU64 {
    debug_assert!(index < ENTRIES, "entry {index} of a table");
    let pointer = direct::pointer::<AtomicU64>(table + index * 8);
    // SAFETY: 1. `table` is a frame of the pool, which is mapped at offset 0 and has no other owner. 2. Entries
    // are accessed as atomics only, because the MMU sets bits in them.
    unsafe { &*pointer }
}

/// Reasons why device registers cannot be mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MapError {
    /// The registers overlap RAM, which is already mapped with caching.
    Ram {
        /// The pages of the registers.
        span: Span,
    },
    /// The registers do not lie in the low half of the address space.
    TooHigh {
        /// The pages of the registers.
        span: Span,
    },
    /// All frames reserved for tables are used.
    NoTable,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ram { span } => write!(f, "registers {span:?} overlap memory"),
            Self::TooHigh { span } => write!(f, "registers {span:?} leave the low half"),
            Self::NoTable => write!(f, "no table is left for device registers"),
        }
    }
}
