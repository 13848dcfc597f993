//! Splits Rust sources into comments, strings and identifiers.

/// A part of a source that people read: a comment, a string or an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) line: usize,
    pub(super) kind: PieceKind,
    /// The text without quotes and comment markers.
    pub(super) text: String,
}

/// The kind of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceKind {
    /// A comment, with its marker.
    Comment(&'static str),
    /// A string literal.
    Text,
    /// An identifier or a keyword.
    Identifier,
}

/// Returns the pieces of a source in order.
pub(super) fn pieces(source: &str) -> Vec<Piece> {
    let mut lexer = Lexer { source, at: 0, line: 1, pieces: Vec::new() };
    while lexer.at < source.len() {
        lexer.step();
    }
    lexer.pieces
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    pieces: Vec<Piece>,
}

impl<'a> Lexer<'a> {
    fn step(&mut self) {
        let rest = &self.source[self.at..];
        let first = rest.chars().next().unwrap_or_default();
        if rest.starts_with("//") {
            let marker = ["///", "//!"].into_iter().find(|marker| rest.starts_with(marker));
            let marker = marker.unwrap_or("//");
            let end = rest.find('\n').unwrap_or(rest.len());
            self.add(PieceKind::Comment(marker), rest[marker.len()..end].to_owned());
            self.skip(end);
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            self.add(PieceKind::Comment("/*"), rest[2..end].trim_end_matches("*/").to_owned());
            self.skip(end);
        } else if first == '"' {
            self.string();
        } else if first == '\'' {
            self.skip(character(rest));
        } else if first.is_alphabetic() || first == '_' {
            self.word(rest);
        } else {
            // A number includes its suffix, so `1u8` contains no identifier.
            let is_in_number = |c: char| first.is_ascii_digit() && c.is_ascii_alphanumeric();
            let end = rest.find(|c: char| !is_in_number(c)).unwrap_or(rest.len());
            self.skip(end.max(first.len_utf8()));
        }
    }

    /// Reads an identifier, or the prefix of a raw string.
    fn word(&mut self, rest: &str) {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let behind = &rest[end..];
        let hashes = behind.len() - behind.trim_start_matches('#').len();
        let is_raw = ["r", "br", "cr"].contains(&&rest[..end]);
        if is_raw && behind[hashes..].starts_with('"') {
            let begin = end + hashes + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            let length = rest[begin..].find(&close).unwrap_or(rest.len() - begin);
            self.add(PieceKind::Text, rest[begin..begin + length].to_owned());
            self.skip((begin + length + close.len()).min(rest.len()));
        } else {
            self.add(PieceKind::Identifier, rest[..end].to_owned());
            self.skip(end);
        }
    }

    /// Reads a string with escapes. A line break after a backslash and the following white space are left
    /// out.
    fn string(&mut self) {
        let rest = &self.source[self.at + 1..];
        let (mut text, mut chars) = (String::new(), rest.char_indices().peekable());
        let mut end = rest.len();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, '\n')) => {
                        while chars.next_if(|(_, char)| char.is_whitespace()).is_some() {}
                    }
                    Some((_, other)) => text.push(other),
                    None => {}
                },
                other => text.push(other),
            }
        }
        self.add(PieceKind::Text, text);
        self.skip(end + 1);
    }

    fn add(&mut self, kind: PieceKind, text: String) {
        self.pieces.push(Piece { line: self.line, kind, text });
    }

    fn skip(&mut self, bytes: usize) {
        let end = (self.at + bytes).min(self.source.len());
        self.line += self.source[self.at..end].matches('\n').count();
        self.at = end;
    }
}

/// Returns the length of a character literal. For a lifetime, returns the length of its quote.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(1, |at| at + 4),
        Some((at, char)) if rest[at + char.len_utf8()..].starts_with('\'') => {
            at + char.len_utf8() + 1
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(source: &str) -> Vec<String> {
        let show = |piece: Piece| match piece.kind {
            PieceKind::Comment(marker) => format!("{}{marker}{}", piece.line, piece.text),
            PieceKind::Text => format!("{}\"{}\"", piece.line, piece.text),
            PieceKind::Identifier => piece.text,
        };
        pieces(source).into_iter().map(show).collect()
    }

    #[test]
    fn comments_have_markers_and_lines() {
        assert_eq!(show("//! a\n/// b\n\nx // c"), ["1//! a", "2/// b", "x", "4// c"]);
        assert_eq!(show("/* a\n*/ b"), ["1/* a\n", "b"]);
    }

    #[test]
    fn strings_are_told_from_comments_and_characters() {
        assert_eq!(show(r#"f("a // b", '"', 'c', '\'')"#), ["f", "1\"a // b\""]);
        assert_eq!(show("r#\"a \"b\" c\"# x"), ["1\"a \"b\" c\"", "x"]);
        assert_eq!(show("\"a \\\n   b\\n\" x"), ["1\"a b\n\"", "x"]);
        assert_eq!(show("&'a str b\"c\""), ["a", "str", "b", "1\"c\""]);
        assert_eq!(show("1u8 + 0xffusize"), Vec::<String>::new());
    }
}
