//! Patterns of names.

use runtime_config::limits::NAME_BYTES_MAX;

use crate::service::failure::Failure;

/// Maximum length of a pattern in bytes: twice that of a name, so that each byte can be escaped.
const PATTERN_BYTES_MAX: usize = 2 * NAME_BYTES_MAX;

/// Maximum number of byte comparisons in one turn.
pub(in crate::service) const STEPS_MAX: u64 = 1 << 20;

/// Checks the length of a pattern.
pub(in crate::service) fn checked(pattern: &[u8]) -> Result<&[u8], Failure> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(Failure::TooLong("a pattern", pattern.len(), PATTERN_BYTES_MAX));
    }
    Ok(pattern)
}
