//! Text of a client in an error.

use core::fmt::{self, Write};

use arrayvec::ArrayVec;

/// How much of a client's own text is kept for an error: errors are returned by value.
const WORD_BYTES_MAX: usize = 64;

/// A client's own text, cut, to be repeated in an error. `Display` makes it printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(ArrayVec<u8, WORD_BYTES_MAX>);

impl Word {
    /// Takes the front of a text.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        Self(text.iter().copied().take(WORD_BYTES_MAX).collect())
    }

    /// The part of the text that C prints: everything before the first NUL.
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
