//! The layout of the image's address space.
//!
//! The direct map maps all RAM in the low half of the address space, at offset 0. The window is in the higher
//! half.

/// Size of a page and of a frame in bytes.
pub const PAGE_BYTES: u64 = 4096;

/// First address of the window that the allocator owns. It is the `VMALLOC_START` of Linux.
pub const WINDOW_START: u64 = 0xffff_c900_0000_0000;
/// Size of the window: 32 TiB, as in Linux with four levels.
pub const WINDOW_BYTES: u64 = 32 << 40;
/// First address after the window.
pub const WINDOW_END: u64 = WINDOW_START + WINDOW_BYTES;

/// The number that is added to a physical address to get its address in the direct map.
pub const DIRECT_MAP_OFFSET: u64 = 0;
/// The direct map uses 4 KiB pages below this address, so that page 0, the trampoline and the sections of the
/// image can have access rights of their own. Above it the direct map uses 2 MiB pages.
pub const DIRECT_MAP_FINE_BYTES: u64 = 4 << 20;

/// Physical address at which the image is linked and loaded. It is above the memory holes of old PCs, and the
/// image lies within one 2 MiB page of the direct map.
pub const IMAGE_LOAD_ADDRESS: u64 = 2 << 20;
/// Page in which the APs start in real mode. It is below 1 MiB and contains no table of the firmware.
pub const AP_TRAMPOLINE_ADDRESS: u64 = 0x8000;

/// Size of the stack of each CPU in bytes. The deepest call path is a request that passes through the network
/// stack.
pub const STACK_BYTES: u64 = 64 << 10;
/// Size of the stacks for #DF, NMI and #MC in bytes. The handler of each prints one line and stops the
/// machine.
pub const IST_STACK_BYTES: u64 = 16 << 10;
/// Number of unmapped bytes below every stack. A stack overflow causes a page fault there, instead of
/// overwriting the adjacent stack.
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
