//! Gives reports access to the service.

use arrayvec::ArrayString;
use runtime_config::limits::NAME_SHOWN_BYTES_MAX;
use vmalloc::{Access, RegionInfo, Row};

use super::metrics::CommandStats;
use super::parts::Parts;

/// A read-only view of the service for reports.
#[derive(Debug)]
pub struct Reports<'a, M: Access + 'static> {
    parts: &'a Parts<M>,
}

impl<'a, M: Access> Reports<'a, M> {
    pub(super) fn new(parts: &'a Parts<M>) -> Self {
        Self { parts }
    }

    /// Passes every row of the table of counters to `row`: first those of the window, then those of
    /// the service.
    pub fn for_each_row(&self, row: &mut dyn FnMut(Row)) {
        self.parts.for_each_row(row);
    }

    /// Returns the name and statistics of every command, then those of unknown commands.
    pub fn command_stats(&self) -> impl Iterator<Item = (&'static str, &'a CommandStats)> {
        self.parts.command_stats()
    }

    /// Returns the caller of a region: its name, its client, or the module of the image that uses
    /// it.
    #[must_use]
    pub fn caller(&self, info: &RegionInfo) -> ArrayString<NAME_SHOWN_BYTES_MAX> {
        self.parts.store.caller(info)
    }

    /// Returns the size of the part of a region that its client can read and write, in bytes.
    #[must_use]
    pub fn requested(&self, info: &RegionInfo) -> u64 {
        self.parts.store.requested(info)
    }
}
