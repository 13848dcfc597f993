//! Converts physical addresses to pointers. RAM and device registers are mapped at their physical addresses (the direct
//! map).

use core::ptr;

use runtime_config::layout::DIRECT_MAP_OFFSET;

/// Returns the pointer to a physical address. The function does not check whether the address is mapped.
#[expect(clippy::cast_possible_truncation, reason = "addresses have 64 bits on x86_64")]
pub(crate) fn pointer<T>(physical: u64) -> *mut T {
    ptr::with_exposed_provenance_mut((physical + DIRECT_MAP_OFFSET) as usize)
}
