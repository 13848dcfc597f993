//! A walk of the page tables that CR3 names, as the processor would do it.
//!
//! It shares no code with the `vmalloc` crate, so that the two can check each other.

#![expect(unsafe_code, reason = "reads page tables")]

use core::sync::atomic::{AtomicU64, Ordering};

use crate::hardware::cpu::control;
use crate::hardware::memory::direct;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS_MASK: u64 = 0x000f_ffff_ffff_f000;

/// What the tables say about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Translation {
    /// Where it leads.
    pub(crate) physical: u64,
    /// Stores are allowed at every level.
    pub(crate) is_writable: bool,
    /// Fetches are allowed at every level.
    pub(crate) is_executable: bool,
    /// 1 for a 4 KiB page, 2 for 2 MiB, 3 for 1 GiB.
    pub(crate) level: u32,
}

/// Translates an address, `None` where an entry is not present.
///
/// # Context
///
/// Anywhere. Changes that another CPU makes meanwhile may be seen or not.
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
    // SAFETY: a present entry above names a table, which lies in RAM, and RAM is mapped at offset
    // 0. Tables are not freed while somebody walks them with interrupts off.
    unsafe { &*pointer }.load(Ordering::Acquire)
}
