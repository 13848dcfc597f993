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
    /// Requests that each of them keeps outstanding.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) pipeline: u32,
    /// How long.
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) duration: u64,
    /// What the clients do.
    #[arg(long, value_enum, default_value_t = Profile::Mixed)]
    pub(crate) profile: Profile,
    /// Sizes of the regions, with optional K, M or G; drawn so that each power of two is as likely.
    #[arg(long, default_value = "1-256K", value_name = "MIN-MAX")]
    pub(crate) sizes: Sizes,
    /// Checks every byte, that live regions never overlap, and that others' are out of reach.
    #[arg(long)]
    pub(crate) verify: bool,
    /// The same seed makes the same choices; the order of replies is the guest's.
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub(crate) seed: u64,
    /// Also writes the figures to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Name of a guest that runs; without it a guest is started, and ended afterwards.
    #[arg(long, conflicts_with_all = MACHINE)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
}

/// What a guest that runs was started with.
const MACHINE: [&str; 12] = [
    "runtime", "smp", "numa", "memory", "machine", "accel", "net", "append", "log", "timeout",
    "qemu", "firmware",
];
