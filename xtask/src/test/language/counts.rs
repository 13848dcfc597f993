//! Counts the findings of the language lint in one folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::glossary;
use super::lexer::{self, PieceKind};
use super::prose::{self, Paragraph};
use super::sentence;

/// The rate of vague words is their number per this number of words.
const RATE_WORDS: usize = 10_000;

/// The kinds of counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Measure {
    /// Sentences without a named subject.
    Subjects,
    /// Vague words per 10,000 words, rounded up.
    Vague,
    /// Words that the glossary replaces.
    Glossary,
}

impl Measure {
    /// All kinds of counts.
    pub(super) const ALL: [Self; 3] = [Self::Subjects, Self::Vague, Self::Glossary];

    /// Returns the maximum count of this kind.
    pub(super) fn limit(self) -> usize {
        match self {
            Self::Subjects | Self::Glossary => 0,
            Self::Vague => 17,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subjects => {
                "sentences that begin with What, Who, Whoever, Whatever, Nobody or Nothing"
            }
            Self::Vague => "nobody, nothing, somebody, none and anybody per 10,000 words",
            Self::Glossary => "words that the glossary replaces",
        })
    }
}

/// The counts of one folder.
#[derive(Debug, Default)]
pub(super) struct Counts {
    words: usize,
    /// The places of each kind of finding, in the form `file:line: text`.
    places: BTreeMap<Measure, Vec<String>>,
}

impl Counts {
    /// Adds a Markdown file.
    pub(super) fn add_markdown(&mut self, folder: &str, file: &str, text: &str) {
        self.add_prose(folder, file, &prose::of_markdown(text));
    }

    /// Adds a Rust file: its comments, its identifiers, and if `with_strings` its strings.
    pub(super) fn add_rust(&mut self, folder: &str, file: &str, text: &str, with_strings: bool) {
        let pieces = lexer::pieces(text);
        self.add_prose(folder, file, &prose::of_comments(&pieces));
        if with_strings {
            for paragraph in prose::of_strings(&pieces) {
                self.add_paragraph(folder, file, &paragraph);
            }
        }
        let mut seen = BTreeSet::new();
        for piece in pieces.iter().filter(|piece| piece.kind == PieceKind::Identifier) {
            // An identifier counts only once per file.
            if seen.insert(&piece.text) {
                for (_, what) in glossary::in_identifier(folder, &piece.text) {
                    let text = format!("{}: {what}", piece.text);
                    self.place(Measure::Glossary, file, piece.line, &text);
                }
            }
        }
    }

    fn add_prose(&mut self, folder: &str, file: &str, paragraphs: &[Paragraph]) {
        for paragraph in paragraphs {
            self.words += paragraph.text.split_whitespace().count();
            self.add_paragraph(folder, file, paragraph);
            for (line, word) in sentence::vague_words(paragraph) {
                self.place(Measure::Vague, file, line, &word);
            }
        }
    }

    fn add_paragraph(&mut self, folder: &str, file: &str, paragraph: &Paragraph) {
        for (line, text) in sentence::unnamed_subjects(paragraph) {
            self.place(Measure::Subjects, file, line, &text);
        }
        for (offset, what) in glossary::in_prose(folder, &paragraph.text) {
            self.place(Measure::Glossary, file, paragraph.line_at(offset), &what);
        }
    }

    fn place(&mut self, measure: Measure, file: &str, line: usize, text: &str) {
        self.places.entry(measure).or_default().push(format!("{file}:{line}: {text}"));
    }

    /// Returns the count of one kind.
    pub(super) fn count(&self, measure: Measure) -> usize {
        let places = self.places(measure).len();
        match measure {
            Measure::Vague => (places * RATE_WORDS).div_ceil(self.words.max(1)),
            Measure::Subjects | Measure::Glossary => places,
        }
    }

    /// Returns the places that the count of one kind includes.
    pub(super) fn places(&self, measure: Measure) -> &[String] {
        self.places.get(&measure).map_or(&[], Vec::as_slice)
    }
}
