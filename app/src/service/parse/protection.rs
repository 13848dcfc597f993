//! The protection of a region in requests and reports.

use vmalloc::Protection;

use crate::service::failure::{Failure, Word};

/// Parses a protection.
pub(in crate::service) fn parse(text: &[u8]) -> Result<Protection, Failure> {
    let known =
        [Protection::ReadWrite, Protection::ReadOnly, Protection::ReadExecute, Protection::None];
    let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
    if ["rwx", "wx", "xw"].iter().any(|name| is(name)) {
        return Err(Failure::Wx);
    }
    let found = known.into_iter().find(|protection| is(name(*protection)));
    found.ok_or_else(|| Failure::Invalid("rights are rw, ro, rx or none", Word::new(text)))
}

/// Returns the word for a protection in requests and reports.
#[must_use]
pub fn name(protection: Protection) -> &'static str {
    match protection {
        Protection::ReadOnly => "ro",
        Protection::ReadWrite => "rw",
        Protection::ReadExecute => "rx",
        Protection::None => "none",
    }
}
