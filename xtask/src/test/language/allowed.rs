//! The counts that are allowed for now. A row that is too large is an error, so the list only shrinks.

use super::counts::Measure;

/// The most that a folder may have.
pub(super) type Row = (&'static str, Measure, usize);

/// The list.
pub(super) const ROWS: &[Row] = &[
    ("app", Measure::Subjects, 273),
    ("app", Measure::Vague, 62),
    ("app", Measure::Glossary, 250),
    ("docs", Measure::Subjects, 44),
    ("docs", Measure::Vague, 42),
    ("docs", Measure::Glossary, 30),
    ("runtime-config", Measure::Subjects, 20),
    ("runtime-config", Measure::Vague, 46),
    ("runtime-config", Measure::Glossary, 1),
    ("vmalloc", Measure::Subjects, 234),
    ("vmalloc", Measure::Vague, 90),
    ("vmalloc", Measure::Glossary, 66),
    ("xtask", Measure::Subjects, 189),
    ("xtask", Measure::Vague, 47),
    ("xtask", Measure::Glossary, 19),
];
