//! Names of regions, which are keys of Redis.

use runtime_config::limits::NAME_BYTES_MAX;

use crate::service::failure::Failure;

/// Checks a new key. Any bytes are allowed, up to the maximum length of a name.
pub(in crate::service) fn key(text: &[u8]) -> Result<&[u8], Failure> {
    if text.len() <= NAME_BYTES_MAX { Ok(text) } else { Err(Failure::LongKey(text.len())) }
}

/// Checks the name of a new region.
pub(in crate::service) fn name(text: &[u8]) -> Result<&[u8], Failure> {
    if text.len() <= NAME_BYTES_MAX { Ok(text) } else { Err(Failure::LongName(text.len())) }
}
