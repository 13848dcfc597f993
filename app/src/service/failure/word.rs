//! Repeats texts of clients in errors.

use core::fmt::{self, Write};

use arrayvec::ArrayVec;

/// Maximum length of a client's text in an error, in bytes. It is small, because errors are
/// returned by value.
const WORD_BYTES_MAX: usize = 64;

/// The first bytes of a client's text, to be repeated in an error. `Display` replaces bytes that
/// are not printable by `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(ArrayVec<u8, WORD_BYTES_MAX>);

impl Word {
    /// Copies the first bytes of a text.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        Self(text.iter().copied().take(WORD_BYTES_MAX).collect())
    }

    /// Returns the bytes before the first NUL, which is the part that C programs such as Redis
    /// would print.
    pub(super) fn as_c_prints(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            b' ' | b'!'..=b'~' => f.write_char(char::from(*byte)),
            _ => f.write_char('?'),
        })
    }
}
