//! Texts of clients in errors.

use core::fmt::{self, Write};

use arrayvec::ArrayVec;

/// Maximum bytes of a client's text in an error; errors are returned by value, so they are small.
const WORD_BYTES_MAX: usize = 64;

/// The front of a client's text, to be repeated in an error. `Display` makes it printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(ArrayVec<u8, WORD_BYTES_MAX>);

impl Word {
    /// Copies the front of a text.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        Self(text.iter().copied().take(WORD_BYTES_MAX).collect())
    }

    /// Returns the part of the text that C would print: the bytes before the first NUL.
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
