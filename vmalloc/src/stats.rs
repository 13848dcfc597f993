//! Counts events, and lists all counters in one table from which every report is made.

mod counters;
mod row;
mod snapshot;
mod table;

pub(crate) use counters::{Counters, Tally};
pub use row::{Family, Metric, MetricKind, Row};
pub use snapshot::Stats;
