//! Options of `load`.

use std::path::PathBuf;

use clap::Args;

use super::MachineOptions;
use crate::workload::{Profile, Sizes};

/// Options of `load`.
#[derive(Args, Clone, Debug)]
pub(crate) struct LoadOptions {
    /// Number of clients, each with one connection.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) clients: u32,
    /// Number of requests that each client keeps outstanding.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) pipeline: u32,
    /// Duration of the load in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) duration: u64,
    /// The mix of requests that the clients send.
    #[arg(long, value_enum, default_value_t = Profile::Mixed)]
    pub(crate) profile: Profile,
    /// Range of the sizes of regions in bytes, with optional K, M or G. Each power of two is equally likely.
    #[arg(long, default_value = "1-256K", value_name = "MIN-MAX")]
    pub(crate) sizes: Sizes,
    /// Checks that every byte is right, that live regions never overlap, and that no client can access the
    /// region of another client.
    #[arg(long)]
    pub(crate) verify: bool,
    /// Seed of the random choices. The order of the replies still depends on the guest.
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub(crate) seed: u64,
    /// Also writes the results to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Name of a running guest to load. By default the command starts a guest, and ends the guest afterwards.
    #[arg(long, conflicts_with_all = MACHINE)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
}

/// The ids of the machine options. They conflict with `--name`, because a running guest has its machine already.
const MACHINE: [&str; 12] = [
    "runtime", "smp", "numa", "memory", "machine", "accel", "net", "append", "log", "timeout",
    "qemu", "firmware",
];
