//! Converts cursors of `VLIST` between numbers and the cursors of the library.

use vmalloc::{Cursor, REGIONS_MAX};
use x86_64::VirtAddr;

use super::size;

/// Parses a cursor: 0, an address in the higher half, or a slot number.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Cursor> {
    let number = size::parse_address(text)?;
    let is_address = number >> 63 != 0 && VirtAddr::try_new(number).is_ok();
    match number {
        0 => Some(Cursor::START),
        _ if is_address || number <= u64::from(REGIONS_MAX) => Some(Cursor::from_raw(number)),
        _ => None,
    }
}
