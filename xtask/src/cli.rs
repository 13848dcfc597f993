//! The command line of the tool.

mod load;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use runtime_config::console::LogLevel;
use runtime_config::ports;

pub(crate) use load::LoadOptions;

use crate::qemu::Memory;

/// Builds, boots, queries and tests the vmalloc image.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Shows the output of compilers and tests also when they succeed.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Boots the image in QEMU and keeps it until Ctrl-C; sets up what is missing.
    Run(RunOptions),
    /// Ends a guest that was started with --detach.
    Stop(StopOptions),
    /// Sends commands to a running guest and prints the replies as redis-cli does.
    Query(QueryOptions),
    /// Builds the image.
    Build(BuildOptions),
    /// Runs every check; the last line is `N passed, N failed, N skipped`.
    Test(TestOptions),
    /// Runs the image's own tests on this machine, and prints one report to be pasted.
    Selftest(SelftestOptions),
    /// Measures the image, alone or beside Linux; prints a table.
    Bench(BenchOptions),
    /// Loads the image with many clients; --verify checks every byte.
    ///
    /// Every client keeps so many requests outstanding, and sends the next one when a reply comes.
    /// With --verify a fresh region must read as zeros, and each one must hold what was written until
    /// it is freed; live regions, with their guard pages, must never overlap; and no client may get at
    /// another one's region. Any violation ends with code 1, and so do a lost connection and a
    /// client without a reply for 10 s. That memory, addresses or regions are used up is counted, and is none.
    ///
    /// A guest of its own is on QEMU's user network unless --net says otherwise.
    Load(LoadOptions),
    /// Runs a command until it ends or the standard input does.
    #[command(hide = true)]
    Mind(MindOptions),
    /// Says what this machine has and what it lacks; changes nothing.
    Doctor,
    /// Plants known faults, one at a time, and expects the tests to catch each.
    Mutate(MutateOptions),
}

/// How a guest is started; shared by `run` and `load`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MachineOptions {
    /// Virtual CPUs.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// NUMA nodes, with equal parts of memory and CPUs.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4))]
    pub(crate) numa: u32,
    /// Guest memory, from 64M to 1024G.
    #[arg(long, default_value = "512M", value_name = "SIZE")]
    pub(crate) memory: Memory,
    /// What runs the guest's instructions.
    #[arg(long, value_enum, default_value_t = AccelRequest::Auto)]
    pub(crate) accel: AccelRequest,
    /// How the guest reaches the host.
    #[arg(long, value_enum, default_value_t = NetRequest::Auto)]
    pub(crate) net: NetRequest,
    /// More words for the kernel command line, as in "clients=128 names=1000".
    #[arg(long, default_value = "", value_name = "STR")]
    pub(crate) append: String,
    /// Log level of the guest; also shows its whole log here.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<LogLevel>,
    /// Seconds from the start of the guest to its first PONG.
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = values::seconds())]
    pub(crate) timeout: u64,
    /// The QEMU to use; otherwise $QEMU, then qemu-system-x86_64.
    #[arg(long, value_name = "PATH")]
    pub(crate) qemu: Option<PathBuf>,
    /// QEMU's machine type.
    #[arg(long, default_value = "q35")]
    pub(crate) machine: String,
    /// What runs before the image.
    #[arg(long, value_enum, default_value_t = FirmwareRequest::Auto)]
    pub(crate) firmware: FirmwareRequest,
}

/// Options of `run`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunOptions {
    /// Returns after the first PONG and leaves the guest running.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Name of the guest: its files are in target/run/NAME.
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// Port of the RESP service on this host, 0 for a free one.
    #[arg(long, default_value_t = ports::RESP, value_name = "P")]
    pub(crate) port: u16,
    /// Port of the HTTP reports on this host, 0 for a free one [default: 8080 where it is free and
    /// --port is not given]
    #[arg(long, value_name = "P")]
    pub(crate) http_port: Option<u16>,
    /// Prints what would be done, and does nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
}

/// Options of `stop`.
#[derive(Args, Debug)]
pub(crate) struct StopOptions {
    /// Name of the guest.
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
}

/// Options of `query`.
#[derive(Args, Debug)]
pub(crate) struct QueryOptions {
    /// Name of the guest.
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// Prints strings as they are, without quotes and numbers.
    #[arg(long)]
    pub(crate) raw: bool,
    /// The password of the guest; otherwise $REDISCLI_AUTH.
    #[arg(long, value_name = "TEXT")]
    pub(crate) password: Option<OsString>,
    /// Asks for RESP3.
    #[arg(long, short = '3')]
    pub(crate) resp3: bool,
    /// The command and its arguments; without one, commands are read from standard input, one a line.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}

/// Options of `build`.
#[derive(Args, Debug)]
pub(crate) struct BuildOptions {
    /// Builds the image that runs its own tests and leaves.
    #[arg(long)]
    pub(crate) selftest: bool,
}

/// Options of `test`.
#[derive(Args, Debug)]
pub(crate) struct TestOptions {
    /// The layers to run; when none is named all of them, `differential`, `clients`, `boots` and
    /// `browser` with --all only.
    #[arg(value_enum)]
    pub(crate) layers: Vec<LayerName>,
    /// Runs what takes longer too: the image's own tests on 4 CPUs, the replies of
    /// Debian's Redis compared with the image's, client libraries, 50 boots in a row, and the page in
    /// a browser.
    #[arg(long)]
    pub(crate) all: bool,
    /// Runs only the tests whose name contains this, in the unit, model (FILE::PART), loom, tcp,
    /// differential and clients layers.
    #[arg(long, default_value = "", value_name = "PART")]
    pub(crate) filter: String,
    /// Runs no layer, but a load with faults and audits for so many minutes: it must stay right, quick and
    /// small.
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["layers", "all", "filter"],
        value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub(crate) soak: Option<u64>,
}

/// Options of `selftest`.
#[derive(Args, Debug)]
pub(crate) struct SelftestOptions {
    /// What runs the guest's instructions; KVM is not put on trial here.
    #[arg(long, value_enum, default_value_t = AccelRequest::Tcg)]
    pub(crate) accel: AccelRequest,
    /// CPUs of the test for stale translations, at the end.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// How long that test goes on.
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=240))]
    pub(crate) seconds: u32,
}

/// Options of `bench`.
#[derive(Args, Debug)]
pub(crate) struct BenchOptions {
    /// What is measured.
    #[command(subcommand)]
    pub(crate) what: Bench,
}

/// What `bench` measures.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The workloads of VBENCH in the image.
    Guest(BenchGuestOptions),
    /// The same workloads in the image and in Debian's Linux 6.12, in turns on the same QEMU.
    Linux(BenchLinuxOptions),
    /// How long a turn of the image's loop takes while another client uses 1 GiB.
    Turns(BenchTurnsOptions),
    /// `redis-benchmark` on the image, on Debian's Redis in a Linux guest, and on Redis on this host.
    Tcp(BenchTcpOptions),
    /// From the start of QEMU to the first PONG: the image, and Debian's Linux with Redis.
    Boot(BenchBootOptions),
}

/// Options of `bench guest`.
#[derive(Args, Debug)]
pub(crate) struct BenchGuestOptions {
    /// CPUs that work at once.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// Guest memory.
    #[arg(long, default_value = "2G", value_name = "SIZE")]
    pub(crate) memory: Memory,
    /// The longest that a workload goes on, in milliseconds.
    #[arg(long, default_value_t = 500, value_name = "MS", value_parser = values::milliseconds())]
    pub(crate) ms: u32,
    /// Measures again with each switch of the library the other way: what each promise costs.
    #[arg(long)]
    pub(crate) compare: bool,
}

/// Options of `bench linux`.
#[derive(Args, Debug)]
pub(crate) struct BenchLinuxOptions {
    /// How often each of the two is booted and measured; the medians count.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,
    /// The longest that a workload goes on, in milliseconds.
    #[arg(long, default_value_t = 300, value_name = "MS", value_parser = values::milliseconds())]
    pub(crate) ms: u32,
    /// Also writes the rows to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Options of `bench turns`.
#[derive(Args, Debug)]
pub(crate) struct BenchTurnsOptions {
    /// CPUs: with more than one, the others do the long work.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// How long.
    #[arg(long, default_value_t = 20, value_name = "S", value_parser = values::seconds())]
    pub(crate) seconds: u64,
}

/// Options of `bench tcp`.
#[derive(Args, Debug)]
pub(crate) struct BenchTcpOptions {
    /// CPUs of each guest.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// Memory of each guest.
    #[arg(long, default_value = "1G", value_name = "SIZE")]
    pub(crate) memory: Memory,
    /// How often each is measured, in turns; the medians count.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,
    /// About how long one measurement takes, in milliseconds.
    #[arg(long, default_value_t = 1500, value_name = "MS", value_parser = clap::value_parser!(u32).range(100..=10_000))]
    pub(crate) ms: u32,
    /// How the guests are reached.
    #[arg(long, value_enum, default_value_t = LoadNetRequest::Auto)]
    pub(crate) net: LoadNetRequest,
    /// Measures only the rows whose name contains this, as in "GET 64 B" or "50 clients, 1 pipelined".
    #[arg(long, default_value = "", value_name = "PART")]
    pub(crate) only: String,
    /// Also writes the rows to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Options of `bench boot`.
#[derive(Args, Debug)]
pub(crate) struct BenchBootOptions {
    /// How often the image is booted; Linux is booted after each fourth time.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=999))]
    pub(crate) boots: u32,
    /// Also writes the rows to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Options of `mind`.
#[derive(Args, Debug)]
pub(crate) struct MindOptions {
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}

/// Options of `mutate`.
#[derive(Args, Debug)]
pub(crate) struct MutateOptions {
    /// Parts of the names of the patches; all of them when none is given.
    pub(crate) patches: Vec<String>,
}

/// The layers of the tests, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LayerName {
    /// Format, clippy and rustdoc, for the host and for the image.
    Lints,
    /// Unit and documentation tests.
    Unit,
    /// The library on a simulated machine.
    Model,
    /// The library's lock-free parts under the loom model checker.
    Loom,
    /// The service over a loopback network, without QEMU.
    Loopback,
    /// The image's own tests, in QEMU.
    Image,
    /// The image as clients see it.
    Tcp,
    /// The replies of Debian's Redis and of the image, byte by byte.
    Differential,
    /// Client libraries from their registries against the image.
    Clients,
    /// Boots in a row, each of which must answer.
    Boots,
    /// The page in Chromium.
    Browser,
}

/// The choice of `--accel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccelRequest {
    /// KVM where it really works, else TCG.
    Auto,
    /// Hardware virtualization.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

/// The choice of `--net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NetRequest {
    /// QEMU's user network where its listen backlog can be raised, else passt where it is installed.
    Auto,
    /// QEMU's user network.
    User,
    /// passt, a helper process.
    Passt,
}

/// The choice of `--net` where guests are under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadNetRequest {
    /// TAP devices where this user may make them, else passt.
    Auto,
    /// TAP devices in a network of their own.
    Tap,
    /// passt.
    Passt,
}

/// The choice of `--firmware`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FirmwareRequest {
    /// qboot where QEMU has it and the machine is q35 or pc, else the machine's own.
    Auto,
    /// qboot, the quickest.
    Qboot,
    /// The machine's own: SeaBIOS for q35.
    Own,
}

#[cfg(test)]
mod tests;
