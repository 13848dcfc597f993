//! A short text inside a [`super::Config`], which must not borrow.

use core::fmt;

/// Longest filter in bytes: the name of a test fits.
pub const FILTER_BYTES_MAX: usize = 64;

/// Part of a test's name; the empty filter matches every test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    bytes: [u8; FILTER_BYTES_MAX],
    length: usize,
}

impl Filter {
    /// The filter that matches every test.
    pub const EMPTY: Self = Self { bytes: [0; FILTER_BYTES_MAX], length: 0 };

    /// Copies a text, `None` when it has more than [`FILTER_BYTES_MAX`] bytes.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut filter = Self::EMPTY;
        filter.bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        filter.length = text.len();
        Some(filter)
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // A filter is only ever made from a whole `str`.
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// Says whether a test of this name is to run.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        name.contains(self.as_str())
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_matches_all() {
        assert!(Filter::EMPTY.matches("paging"));
        assert_eq!(Filter::EMPTY.as_str(), "");
    }

    #[test]
    fn text_matches_by_part() {
        let filter = Filter::from_text("guard").unwrap();
        assert!(filter.matches("paging::guard_faults"));
        assert!(!filter.matches("paging"));
    }

    #[test]
    fn long_text_is_refused() {
        assert!(Filter::from_text(&"x".repeat(FILTER_BYTES_MAX)).is_some());
        assert!(Filter::from_text(&"x".repeat(FILTER_BYTES_MAX + 1)).is_none());
    }
}
