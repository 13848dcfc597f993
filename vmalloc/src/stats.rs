//! Counters, and the one table that every report renders.

mod counters;
mod row;
mod snapshot;
mod table;

pub(crate) use counters::{Counters, Tally};
pub use row::{Family, Metric, MetricKind, Row};
pub use snapshot::Stats;
