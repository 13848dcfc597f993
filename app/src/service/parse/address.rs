//! Addresses as clients write them.

use x86_64::VirtAddr;

use super::size;
use crate::service::failure::{Failure, Word};

/// Reads an address that a CPU can hold.
pub(in crate::service) fn parse(text: &[u8]) -> Result<VirtAddr, Failure> {
    let invalid = || {
        Failure::Invalid(
            "an address is canonical, hexadecimal with 0x, or decimal",
            Word::new(text),
        )
    };
    let address = size::parse_address(text).ok_or_else(invalid)?;
    VirtAddr::try_new(address).map_err(|_| invalid())
}
