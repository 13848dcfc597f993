//! A short text that is stored inside a [`super::Config`], so that the configuration has no lifetime.

use core::fmt;

/// Maximum length of a text in bytes: enough for the name of a test or for a password.
pub const TEXT_BYTES_MAX: usize = 64;

/// A text without spaces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text {
    bytes: [u8; TEXT_BYTES_MAX],
    length: usize,
}

impl Text {
    /// The empty text.
    pub const EMPTY: Self = Self { bytes: [0; TEXT_BYTES_MAX], length: 0 };

    /// Copies a text. Returns `None` if the text is longer than [`TEXT_BYTES_MAX`].
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut copy = Self::EMPTY;
        copy.bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        copy.length = text.len();
        Some(copy)
    }

    /// Returns the text as a `str`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes were copied from a whole `str`, so they are valid UTF-8.
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// Returns whether the text is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns whether `name` contains the text. Every name contains the empty text.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        name.contains(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_matches_all() {
        assert!(Text::EMPTY.matches("paging"));
        assert_eq!(Text::EMPTY.as_str(), "");
    }

    #[test]
    fn text_matches_by_part() {
        let text = Text::from_text("guard").unwrap();
        assert!(text.matches("paging::guard_faults"));
        assert!(!text.matches("paging"));
    }

    #[test]
    fn long_text_is_refused() {
        assert!(Text::from_text(&"x".repeat(TEXT_BYTES_MAX)).is_some());
        assert!(Text::from_text(&"x".repeat(TEXT_BYTES_MAX + 1)).is_none());
    }
}
