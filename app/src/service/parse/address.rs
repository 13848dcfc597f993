//! Addresses in arguments.

use x86_64::VirtAddr;

use super::size;
use crate::service::failure::{Failure, Word};

/// Parses a canonical address of x86-64.
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
