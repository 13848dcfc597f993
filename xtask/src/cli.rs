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
    /// The verb.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Shows the output of compilers and tests also if they succeed.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Boots the image in QEMU and keeps it until Ctrl-C; installs missing programs.
    Run(RunOptions),
    /// Ends a guest that was started with --detach.
    Stop(StopOptions),
    /// Sends commands to a running guest and prints the replies as redis-cli does.
    Query(QueryOptions),
    /// Builds the image.
    Build(BuildOptions),
    /// Runs every check; the last line is `N passed, N failed, N skipped`.
    Test(TestOptions),
    /// Runs the image's own tests on this machine, and prints one report that can be pasted.
    Selftest(SelftestOptions),
    /// Measures the image, alone or compared with Linux; prints a table.
    Bench(BenchOptions),
    /// Loads the image with many clients; --verify checks every byte.
    ///
    /// Every client keeps a number of requests outstanding, and sends the next one when a reply arrives.
    /// With --verify, a fresh region must read as zeros and a written one must hold its data until it is
    /// freed; live regions and their guard pages must never overlap; and no client may access another
    /// client's region. Any violation ends with code 1, and so do a lost connection and a client without a
    /// reply for 10 s. Exhausted memory, addresses or regions are counted and are not violations.
    ///
    /// A guest that the command starts is on QEMU's user network unless --net says otherwise.
    Load(LoadOptions),
    /// Runs a command until it ends or standard input is closed.
    #[command(hide = true)]
    Supervise(SuperviseOptions),
    /// Reports which programs and devices this machine has and lacks; changes nothing.
    Doctor,
    /// Plants known faults, one at a time, and expects the tests to catch each.
    Mutate(MutateOptions),
}

/// Options of `build`.
#[derive(Args, Debug)]
pub(crate) struct BuildOptions {
    /// Builds the image that runs its own tests and exits.
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
    /// Parts of the names of the patches; all patches if none is given.
    pub(crate) patches: Vec<String>,
}

#[cfg(test)]
mod tests;
