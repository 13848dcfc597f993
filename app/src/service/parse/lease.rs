//! Leases in `V*` commands.

use crate::resp;
use crate::service::failure::{Failure, Word};

/// The longest lease of a `V*` command, in milliseconds: 100 years.
const LEASE_MS_MAX: u64 = 100 * 365 * 24 * 3_600_000;

/// Parses a lease in milliseconds.
pub(in crate::service) fn parse(text: &[u8]) -> Result<u64, Failure> {
    resp::decimal(text).filter(|ms| (1..=LEASE_MS_MAX).contains(ms)).ok_or_else(|| {
        Failure::Invalid("a lease is between 1 ms and a hundred years", Word::new(text))
    })
}
