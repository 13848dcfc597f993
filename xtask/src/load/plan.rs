//! The settings of a run.

use std::time::Duration;

use crate::workload::{Profile, Sizes};

/// The settings of a run.
#[derive(Clone, Debug)]
pub(super) struct LoadPlan {
    /// Connections.
    pub(super) clients: usize,
    /// Requests that each keeps outstanding.
    pub(super) pipeline: usize,
    /// How long new requests are started.
    pub(super) duration: Duration,
    /// Or the number of replies after which none is started.
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
    /// Longest wait for a reply.
    pub(super) stall: Duration,
    /// The prefix of region names, unique for each run.
    pub(super) prefix: String,
}

impl LoadPlan {
    /// Describes the settings in a line.
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
