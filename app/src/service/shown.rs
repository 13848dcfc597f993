//! Writes names in reports and errors: as one word of graphic ASCII of limited length.

use core::fmt::{self, Write};

use arrayvec::ArrayString;
use runtime_config::limits::NAME_SHOWN_BYTES_MAX;

/// The mark at the end of a shortened name. No escape sequence contains these characters.
const CUT: &str = "\\...";

/// A name as reports write it.
///
/// Graphic ASCII except `"` and `\` is written unchanged, every other byte as `\xHH` with two
/// hexadecimal digits, and the empty name as `""`. A text of more than 64 characters is cut and
/// ends in `\...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(ArrayString<NAME_SHOWN_BYTES_MAX>);

impl Shown {
    /// Formats the bytes of a name, given in pieces.
    pub fn of_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut text = ArrayString::new();
        // The length at which the text is cut if it becomes too long.
        let mut end = 0;
        for byte in pieces.flatten() {
            let written = match byte {
                b'"' | b'\\' => write!(text, "\\x{byte:02x}"),
                b'!'..=b'~' => text.write_char(char::from(*byte)),
                _ => write!(text, "\\x{byte:02x}"),
            };
            if written.is_err() {
                text.truncate(end);
                text.push_str(CUT);
                return Self(text);
            }
            if text.len() <= NAME_SHOWN_BYTES_MAX - CUT.len() {
                end = text.len();
            }
        }
        if text.is_empty() {
            text.push_str("\"\"");
        }
        Self(text)
    }

    /// Formats a name given in one piece.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        Self::of_pieces(core::iter::once(name))
    }

    /// Returns the text.
    #[must_use]
    pub fn into_inner(self) -> ArrayString<NAME_SHOWN_BYTES_MAX> {
        self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_shown_in_graphic_ascii() {
        for byte in 0..=u8::MAX {
            let shown = Shown::of(&[b'a', byte]).to_string();
            assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown}");
            let plain = byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
            let expected = if plain { char::from(byte).into() } else { format!("\\x{byte:02x}") };
            assert_eq!(shown, format!("a{expected}"));
        }
        assert_eq!(Shown::of(b"").to_string(), "\"\"");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let fits = "x".repeat(NAME_SHOWN_BYTES_MAX);
        assert_eq!(Shown::of(fits.as_bytes()).to_string(), fits);
        for (name, expected) in [
            ("x".repeat(65), format!("{}\\...", "x".repeat(60))),
            ("\n".repeat(17), format!("{}\\...", "\\x0a".repeat(15))),
            (format!("x{}", "\n".repeat(16)), format!("x{}\\...", "\\x0a".repeat(14))),
        ] {
            let shown = Shown::of(name.as_bytes()).to_string();
            assert!(shown.len() <= NAME_SHOWN_BYTES_MAX);
            assert_eq!(shown, expected);
        }
    }
}
