//! The direct map: RAM and device registers lie at their own physical address.

use core::ptr;

use runtime_config::layout::DIRECT_MAP_OFFSET;

/// Where the byte at a physical address can be reached, if it is mapped at all.
#[expect(clippy::cast_possible_truncation, reason = "addresses have 64 bits on x86_64")]
pub(crate) fn pointer<T>(physical: u64) -> *mut T {
    ptr::with_exposed_provenance_mut((physical + DIRECT_MAP_OFFSET) as usize)
}
