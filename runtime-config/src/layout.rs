//! The layout of the image's address space.
//!
//! All RAM is mapped once, at offset 0 in the low half; the window is in the higher half.

/// Bytes of a page and of a frame.
pub const PAGE_BYTES: u64 = 4096;

/// First address of the window that the allocator owns: Linux' `VMALLOC_START`.
pub const WINDOW_START: u64 = 0xffff_c900_0000_0000;
/// Size of the window: 32 TiB, as in Linux with four levels.
pub const WINDOW_BYTES: u64 = 32 << 40;
/// First address after the window.
pub const WINDOW_END: u64 = WINDOW_START + WINDOW_BYTES;

/// The offset that is added to a physical address to reach it through the direct map.
pub const DIRECT_MAP_OFFSET: u64 = 0;
/// Below this address the direct map uses 4 KiB pages, so that page 0, the trampoline and the image's
/// sections can have their own access rights; above it the direct map uses 2 MiB pages.
pub const DIRECT_MAP_FINE_BYTES: u64 = 4 << 20;

/// Physical address that the image is linked at and loaded to: above the legacy holes, and within one 2 MiB
/// page of the direct map.
pub const IMAGE_LOAD_ADDRESS: u64 = 2 << 20;
/// Page from which the APs start in real mode: below 1 MiB, and in no firmware table.
pub const AP_TRAMPOLINE_ADDRESS: u64 = 0x8000;

/// Stack of a CPU. The deepest call path is a request over the network stack.
pub const STACK_BYTES: u64 = 64 << 10;
/// Stack of #DF, NMI and #MC: each prints one line and stops.
pub const IST_STACK_BYTES: u64 = 16 << 10;
/// Unmapped bytes below every stack: an overflow faults instead of writing into the adjacent stack.
pub const STACK_GUARD_BYTES: u64 = PAGE_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_is_canonical_and_whole_upper_entries() {
        const UPPER_ENTRY_BYTES: u64 = 512 << 30;
        assert_eq!(WINDOW_START % UPPER_ENTRY_BYTES, 0);
        assert_eq!(WINDOW_BYTES % UPPER_ENTRY_BYTES, 0);
        assert_eq!(WINDOW_START >> 47, 0x1_ffff);
        assert_eq!((WINDOW_END - 1) >> 47, 0x1_ffff);
    }

    #[test]
    fn sizes_are_whole_pages() {
        for size in [
            STACK_BYTES,
            IST_STACK_BYTES,
            STACK_GUARD_BYTES,
            DIRECT_MAP_FINE_BYTES,
            IMAGE_LOAD_ADDRESS,
            AP_TRAMPOLINE_ADDRESS,
        ] {
            assert_eq!(size % PAGE_BYTES, 0);
        }
        assert_eq!(AP_TRAMPOLINE_ADDRESS & !0xff000, 0, "a SIPI vector is one byte of pages");
    }
}
