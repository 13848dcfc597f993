//! Writes JSON strings.

use core::fmt::{self, Write};

/// A text whose `Display` implementation writes a JSON string. Quotes, backslashes, control characters and the
/// characters of HTML tags are escaped, so that the text can neither end the string nor begin a tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                '<' | '>' | '&' | '\u{0}'..='\u{1f}' | '\u{7f}' => {
                    write!(f, "\\u{:04x}", u32::from(character))?;
                }
                _ => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_survives_a_round_trip() {
        let all: String = (0..0x250).filter_map(char::from_u32).collect();
        for text in ["", "plain", "<img/src=x>", "a\"b\\c'd`", "\u{0}\n\u{7f}", &all] {
            let json = Quoted(text).to_string();
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text, "{json}");
            assert!(!json.contains(['<', '>', '&', '\n']), "{json}");
        }
    }
}
