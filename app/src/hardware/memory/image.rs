//! Returns the address ranges of the image and its sections, from the symbols of the link script.

#![expect(unsafe_code, reason = "declares the symbols of the link script")]

use crate::platform::span::Span;

unsafe extern "C" {
    static image_start: u8;
    static image_end: u8;
    static image_text_start: u8;
    static image_text_end: u8;
    static image_rodata_start: u8;
    static image_rodata_end: u8;
    static image_data_start: u8;
    static image_data_end: u8;
}

fn between(start: *const u8, end: *const u8) -> Span {
    Span::new(start.addr() as u64, end.addr() as u64)
}

/// Returns the range of the whole image, from the first byte of text to the last byte of bss.
pub(crate) fn whole() -> Span {
    between(&raw const image_start, &raw const image_end)
}

/// Returns the range of the code, in whole pages.
pub(crate) fn text() -> Span {
    between(&raw const image_text_start, &raw const image_text_end)
}

/// Returns the range of the constants, in whole pages.
pub(crate) fn rodata() -> Span {
    between(&raw const image_rodata_start, &raw const image_rodata_end)
}

/// Returns the range of the variables and stacks, in whole pages.
pub(crate) fn data() -> Span {
    between(&raw const image_data_start, &raw const image_data_end)
}
