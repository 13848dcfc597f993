//! Options of `load`.

use std::path::PathBuf;

use clap::Args;

use super::MachineOptions;
use crate::workload::{Profile, Sizes};

/// Options of `load`.
#[derive(Args, Clone, Debug)]
pub(crate) struct LoadOptions {
    /// Connections.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) clients: u32,
    /// Requests that each client keeps outstanding.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) pipeline: u32,
    /// Duration in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) duration: u64,
    /// The mix of requests.
    #[arg(long, value_enum, default_value_t = Profile::Mixed)]
    pub(crate) profile: Profile,
    /// Sizes of the regions, with optional K, M or G; each power of two is equally likely.
    #[arg(long, default_value = "1-256K", value_name = "MIN-MAX")]
    pub(crate) sizes: Sizes,
    /// Checks every byte, that live regions never overlap, and that other clients' regions are
    /// inaccessible.
    #[arg(long)]
    pub(crate) verify: bool,
    /// Seed of the choices; the order of replies still depends on the guest.
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub(crate) seed: u64,
    /// Also writes the figures to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Name of a running guest; without it a guest is started, and ended afterwards.
    #[arg(long, conflicts_with_all = MACHINE)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
}

/// The options of the machine, which a running guest already has.
const MACHINE: [&str; 12] = [
    "runtime", "smp", "numa", "memory", "machine", "accel", "net", "append", "log", "timeout",
    "qemu", "firmware",
];
