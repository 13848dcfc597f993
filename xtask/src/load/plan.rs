//! The settings of a load.

use std::time::Duration;

use crate::workload::{Profile, Sizes};

/// The settings of a run.
#[derive(Clone, Debug)]
pub(super) struct LoadPlan {
    /// Number of connections.
    pub(super) clients: usize,
    /// Number of requests that each client keeps outstanding.
    pub(super) pipeline: usize,
    /// The time in which new requests are started.
    pub(super) duration: Duration,
    /// The number of replies after which no new request is started.
    pub(super) replies_max: u64,
    /// The mix of requests.
    pub(super) profile: Profile,
    /// The sizes of regions.
    pub(super) sizes: Sizes,
    /// Whether bytes, addresses and owners are checked.
    pub(super) verify: bool,
    /// The seed of the choices.
    pub(super) seed: u64,
    /// Whether the image serves `VREALLOC`.
    pub(super) can_resize: bool,
    /// Maximum time of a reply.
    pub(super) stall: Duration,
    /// The prefix of region names, unique for each run.
    pub(super) prefix: String,
}

impl LoadPlan {
    /// Describes the settings in one line.
    pub(super) fn describe(&self) -> String {
        format!(
            "{}, {} clients, {} outstanding each, {} s{}",
            self.profile.name(),
            self.clients,
            self.pipeline,
            self.duration.as_secs(),
            if self.verify { ", every byte checked" } else { "" }
        )
    }
}
