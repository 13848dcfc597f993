//! The counts that are allowed for now. A row that is too large is an error, so the list only shrinks.

use super::counts::Measure;

/// The most that a folder may have.
pub(super) type Row = (&'static str, Measure, usize);

/// The list.
pub(super) const ROWS: &[Row] = &[];
