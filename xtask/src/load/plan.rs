//! What a run does.

use std::time::Duration;

use crate::workload::{Profile, Sizes};

/// The decisions.
#[derive(Clone, Debug)]
pub(super) struct LoadPlan {
    /// Connections.
    pub(super) clients: usize,
    /// Requests that each keeps outstanding.
    pub(super) pipeline: usize,
    /// How long new work is begun.
    pub(super) duration: Duration,
    /// Or until so many replies have come.
    pub(super) replies_max: u64,
    /// What clients do.
    pub(super) profile: Profile,
    /// How large regions are.
    pub(super) sizes: Sizes,
    /// Whether bytes, addresses and owners are checked.
    pub(super) verify: bool,
    /// What the choices come from.
    pub(super) seed: u64,
    /// Whether the image serves `VREALLOC`.
    pub(super) can_resize: bool,
    /// How long a reply may take.
    pub(super) stall: Duration,
    /// What the names of regions begin with: no other run has the same.
    pub(super) prefix: String,
}
