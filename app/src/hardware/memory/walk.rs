//! Translates an address by reading the page tables below CR3, as the processor does.
//!
//! This module shares no code with the `vmalloc` crate, so that tests can compare the results of both.

#![expect(unsafe_code, reason = "reads page tables")]

use core::sync::atomic::{AtomicU64, Ordering};

use crate::hardware::cpu::control;
use crate::hardware::memory::direct;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS_MASK: u64 = 0x000f_ffff_ffff_f000;

/// The translation of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Translation {
    /// The physical address.
    pub(crate) physical: u64,
    /// Whether the entries of all levels allow stores.
    pub(crate) is_writable: bool,
    /// Whether the entries of all levels allow instruction fetches.
    pub(crate) is_executable: bool,
    /// Level of the entry that maps the page: 1 for a page of 4 KiB, 2 for 2 MiB, 3 for 1 GiB.
    pub(crate) level: u32,
}

/// Translates an address. Returns `None` if the page is not mapped.
///
/// # Context
///
/// Any. If another CPU changes an entry at the same time, the result is that from before or after the change.
pub(crate) fn translate(address: u64) -> Option<Translation> {
    let mut table = control::root().as_u64();
    let mut is_writable = true;
    let mut is_executable = true;
    for level in (1..=4).rev() {
        let shift = 12 + 9 * (level - 1);
        let entry = load(table, address >> shift & 511);
        if entry & PRESENT == 0 {
            return None;
        }
        is_writable &= entry & WRITABLE != 0;
        is_executable &= entry & NO_EXECUTE == 0;
        if level == 1 || (level < 4 && entry & LARGE != 0) {
            let inside = (1 << shift) - 1;
            let physical = (entry & ADDRESS_MASK & !inside) | (address & inside);
            return Some(Translation { physical, is_writable, is_executable, level });
        }
        table = entry & ADDRESS_MASK;
    }
    None
}

fn load(table: u64, index: u64) -> u64 {
    let pointer = direct::pointer::<AtomicU64>(table + index * 8);
    // SAFETY: a present upper entry points to a table, which lies in RAM, and RAM is mapped at offset 0. A
    // table is not freed while a CPU walks it with interrupts off.
    unsafe { &*pointer }.load(Ordering::Acquire)
}
