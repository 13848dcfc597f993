//! Options of `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values;
use crate::load_network::LoadNetRequest;
use crate::qemu::Memory;
use crate::runtime::Runtime;

/// Options of `bench`.
#[derive(Args, Debug)]
pub(crate) struct BenchOptions {
    /// The measurement to run.
    #[command(subcommand)]
    pub(crate) what: Bench,
}

/// The measurements of `bench`.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Measures the workloads of VBENCH in the image.
    Guest(BenchGuestOptions),
    /// Measures the same workloads in the image and in Debian's Linux 6.12, alternately on the same QEMU.
    Linux(BenchLinuxOptions),
    /// Measures the longest delays by the image's server loop while another client uses 1 GiB.
    Turns(BenchTurnsOptions),
    /// Runs `redis-benchmark` on the image, on Debian's Redis in a Linux guest, and on Redis on this host.
    Tcp(BenchTcpOptions),
    /// Measures the time from the start of QEMU to the first PONG, for the image and for Debian's Linux with Redis.
    Boot(BenchBootOptions),
}

/// Options of `bench guest`.
#[derive(Args, Debug)]
pub(crate) struct BenchGuestOptions {
    /// The software on which the service runs. `bare,hermit` measures both, in guest instructions on one CPU.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "bare")]
    pub(crate) runtime: Vec<Runtime>,
    /// Number of CPUs that work at the same time. The default is 2. With two runtimes the number is always 1.
    #[arg(long, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: Option<u32>,
    /// Size of the guest's memory.
    #[arg(long, default_value = "2G", value_name = "SIZE")]
    pub(crate) memory: Memory,
    /// Maximum duration of each workload in milliseconds.
    #[arg(long, default_value_t = 500, value_name = "MS", value_parser = values::milliseconds())]
    pub(crate) ms: u32,
    /// Repeats the measurement with each mode of the library changed, which shows the cost of each mode.
    /// Works with one runtime only.
    #[arg(long)]
    pub(crate) compare: bool,
}

/// Options of `bench linux`.
#[derive(Args, Debug)]
pub(crate) struct BenchLinuxOptions {
    /// Number of boots and measurements of each system. The results are the medians.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,
    /// Maximum duration of each workload in milliseconds.
    #[arg(long, default_value_t = 300, value_name = "MS", value_parser = values::milliseconds())]
    pub(crate) ms: u32,
    /// Also writes the rows of the table to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Options of `bench turns`.
#[derive(Args, Debug)]
pub(crate) struct BenchTurnsOptions {
    /// Number of CPUs of the guest. With more than one, the APs do the long-running work.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// Duration of the measurement in seconds.
    #[arg(long, default_value_t = 20, value_name = "S", value_parser = values::seconds())]
    pub(crate) seconds: u64,
}

/// Options of `bench tcp`.
#[derive(Args, Debug)]
pub(crate) struct BenchTcpOptions {
    /// The software on which the service runs. "bare,hermit" measures an image on each, side by side.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "bare")]
    pub(crate) runtime: Vec<Runtime>,
    /// Number of CPUs of each guest.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// Size of the memory of each guest.
    #[arg(long, default_value = "1G", value_name = "SIZE")]
    pub(crate) memory: Memory,
    /// Number of measurements of each server. The servers alternate, and the results are the medians.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,
    /// Approximate duration of one measurement in milliseconds.
    #[arg(long, default_value_t = 1500, value_name = "MS", value_parser = clap::value_parser!(u32).range(100..=10_000))]
    pub(crate) ms: u32,
    /// The kind of network between this host and the guests.
    #[arg(long, value_enum, default_value_t = LoadNetRequest::Auto)]
    pub(crate) net: LoadNetRequest,
    /// Measures only the rows whose name contains this text, for example "GET 64 B" or "50 clients, 1 pipelined".
    #[arg(long, default_value = "", value_name = "PART")]
    pub(crate) only: String,
    /// Also writes the rows of the table to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Options of `bench boot`.
#[derive(Args, Debug)]
pub(crate) struct BenchBootOptions {
    /// Number of boots of the image. Linux is booted once after every fourth boot of the image.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=999))]
    pub(crate) boots: u32,
    /// Also writes the rows of the table to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}
