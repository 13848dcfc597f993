//! Splits text into paragraphs. Their lines are joined, and their code is replaced by the letter X.

use super::blank;
use super::lexer::{Piece, PieceKind};

/// A paragraph of prose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Paragraph {
    /// The text of the paragraph. Each byte of a code span is replaced by the letter X, so that offsets do
    /// not change.
    pub(super) text: String,
    /// The offset in `text` at which each source line begins.
    lines: Vec<(usize, usize)>,
}

impl Paragraph {
    /// Returns the number of the source line that contains an offset.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        let line = self.lines.iter().rev().find(|(begin, _)| *begin <= offset);
        line.map_or(0, |(_, line)| *line)
    }

    fn add(&mut self, line: usize, text: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.lines.push((self.text.len(), line));
        self.text.push_str(text);
    }
}

/// Collects lines into paragraphs.
#[derive(Default)]
struct Collector {
    done: Vec<Paragraph>,
    open: Paragraph,
    is_fenced: bool,
}

impl Collector {
    fn line(&mut self, number: usize, line: &str) {
        let line = line.trim();
        if line.starts_with("```") {
            self.is_fenced = !self.is_fenced;
            self.end();
        } else if self.is_fenced || line.is_empty() {
            self.end();
        } else if line.starts_with('|') {
            self.end();
            for cell in line.split('|') {
                self.open.add(number, cell.trim());
                self.end();
            }
        } else if line.starts_with('#') {
            self.end();
            self.open.add(number, line);
            self.end();
        } else {
            if is_list_item(line) {
                self.end();
            }
            self.open.add(number, line);
        }
    }

    /// Ends the current paragraph.
    fn end(&mut self) {
        let mut paragraph = std::mem::take(&mut self.open);
        paragraph.text = blank::targets(&blank::code(&paragraph.text));
        if !paragraph.text.is_empty() {
            self.done.push(paragraph);
        }
    }

    fn finish(mut self) -> Vec<Paragraph> {
        self.end();
        self.done
    }
}

fn is_list_item(line: &str) -> bool {
    let behind_digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = behind_digits.len() < line.len() && behind_digits.starts_with(". ");
    is_numbered || line.starts_with("- ") || line.starts_with("* ")
}

/// Returns the paragraphs of a Markdown file.
pub(super) fn of_markdown(text: &str) -> Vec<Paragraph> {
    let mut collector = Collector::default();
    for (index, line) in text.lines().enumerate() {
        collector.line(index + 1, line);
    }
    collector.finish()
}

/// Returns the paragraphs of the comments in a Rust file. Comments on adjacent lines belong to one paragraph
/// if no code is between them.
pub(super) fn of_comments(pieces: &[Piece]) -> Vec<Paragraph> {
    let mut collector = Collector::default();
    let mut before = (0, "");
    for piece in pieces {
        let PieceKind::Comment(marker) = piece.kind else {
            before = (0, "");
            continue;
        };
        if before != (piece.line - 1, marker) {
            collector.end();
            collector.is_fenced = false;
        }
        for (index, line) in piece.text.lines().enumerate() {
            collector.line(piece.line + index, line);
        }
        if piece.text.trim().is_empty() {
            collector.end();
        }
        before = (piece.line, marker);
    }
    collector.finish()
}

/// Returns the paragraphs of the string literals that contain a space. Other strings are not prose.
pub(super) fn of_strings(pieces: &[Piece]) -> Vec<Paragraph> {
    let mut collector = Collector::default();
    let is_text = |piece: &&Piece| piece.kind == PieceKind::Text && piece.text.trim().contains(' ');
    for piece in pieces.iter().filter(is_text) {
        for line in piece.text.lines() {
            collector.open.add(piece.line, &blank::between(line.trim(), '{', '}'));
            collector.end();
        }
    }
    collector.finish()
}

#[cfg(test)]
mod tests {
    use super::super::lexer;
    use super::*;

    fn texts(paragraphs: &[Paragraph]) -> Vec<&str> {
        paragraphs.iter().map(|paragraph| paragraph.text.as_str()).collect()
    }

    #[test]
    fn markdown_is_cut_at_blank_lines_items_headings_and_cells() {
        let text = "# A\nb\nc `d\ne` f\n- g\n1. h\n```\ncode\n```\n| i | j |\n[k](l) m";
        let found = of_markdown(text);
        let expected = ["# A", "b c xxxxx f", "- g", "1. h", "i", "j", "[k]xxx m"];
        assert_eq!(texts(&found), expected);
        assert_eq!((found[1].line_at(0), found[1].line_at(2)), (2, 3));
    }

    #[test]
    fn comments_on_neighbouring_lines_are_joined() {
        let pieces = lexer::pieces(
            "/// a\n/// b\n///\n/// c\n// d\n\n// e\nx(); // f\n/// ```\n/// g\n/// ```\n",
        );
        assert_eq!(texts(&of_comments(&pieces)), ["a b", "c", "d", "e", "f"]);
    }

    #[test]
    fn strings_with_blanks_are_text() {
        let pieces = lexer::pieces("f(\"one\", \"two {words} x\\nand more\")");
        assert_eq!(texts(&of_strings(&pieces)), ["two xxxxxxx x", "and more"]);
    }
}
