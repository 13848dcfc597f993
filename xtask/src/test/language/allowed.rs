//! The counts that are allowed for now. A row that is too large is an error, so the list only shrinks.

use super::counts::Measure;

/// The most that a folder may have.
pub(super) type Row = (&'static str, Measure, usize);

/// The list.
pub(super) const ROWS: &[Row] = &[
    ("app", Measure::Subjects, 82),
    ("app", Measure::Glossary, 58),
    ("docs", Measure::Subjects, 14),
    ("docs", Measure::Vague, 21),
    ("docs", Measure::Glossary, 17),
    ("vmalloc", Measure::Subjects, 26),
    ("vmalloc", Measure::Glossary, 14),
    ("xtask", Measure::Subjects, 3),
    ("xtask", Measure::Glossary, 3),
];
