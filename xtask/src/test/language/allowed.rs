//! The counts that may exceed the limits for now. A row with an unnecessarily large number is an error, so
//! the list can only shrink.

use super::counts::Measure;

/// A folder, a kind of count, and the permitted count.
pub(super) type Row = (&'static str, Measure, usize);

/// The permitted counts.
pub(super) const ROWS: &[Row] = &[];
