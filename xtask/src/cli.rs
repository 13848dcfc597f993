//! The command line of the tool.

mod bench;
mod load;
mod machine;
mod query;
mod run;
mod test;
mod values;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::runtime::Runtime;

pub(crate) use bench::{
    Bench, BenchBootOptions, BenchGuestOptions, BenchLinuxOptions, BenchOptions, BenchTcpOptions,
    BenchTurnsOptions,
};
pub(crate) use load::LoadOptions;
pub(crate) use machine::MachineOptions;
pub(crate) use query::QueryOptions;
pub(crate) use run::{RunOptions, StopOptions};
pub(crate) use test::{LayerName, SelftestOptions, TestOptions, WireOptions};

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
    Supervise(SuperviseOptions),
    /// Says what this machine has and what it lacks; changes nothing.
    Doctor,
    /// Plants known faults, one at a time, and expects the tests to catch each.
    Mutate(MutateOptions),
}

/// Options of `build`.
#[derive(Args, Debug)]
pub(crate) struct BuildOptions {
    /// Builds the image that runs its own tests and leaves.
    #[arg(long)]
    pub(crate) selftest: bool,
    /// The software below the service.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
}

/// Options of `supervise`.
#[derive(Args, Debug)]
pub(crate) struct SuperviseOptions {
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

#[cfg(test)]
mod tests;
