//! The command line of `cargo xtask`.

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
    /// The action to perform.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Shows the output of compilers and tests even if they succeed.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// The actions of `cargo xtask`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Installs missing programs, boots the image in QEMU, and runs the guest until Ctrl-C.
    Run(RunOptions),
    /// Ends a guest that was started by `run --detach`.
    Stop(StopOptions),
    /// Sends commands to a running guest, and prints the replies in the format of redis-cli.
    Query(QueryOptions),
    /// Builds the image.
    Build(BuildOptions),
    /// Runs every check. The last line of the output is `N passed, N failed, N skipped`.
    Test(TestOptions),
    /// Runs the image's own tests on this machine, and prints one report to paste into a message.
    Selftest(SelftestOptions),
    /// Measures the speed of the image, alone or compared with Linux, and prints a table.
    Bench(BenchOptions),
    /// Loads the image with many clients. With --verify, every byte is checked.
    ///
    /// Every client keeps --pipeline requests outstanding, and sends the next request when a reply arrives.
    /// With --verify, the command checks three rules. A new region must read as zeros, and a written region
    /// must keep its data until it is freed. Live regions and their guard pages must never overlap. No client
    /// may access the region of another client. The command exits with code 1 if a rule is broken, if a
    /// connection is lost, or if a client gets no reply for 10 s. Replies that report exhausted memory,
    /// addresses or regions are counted, and do not fail the run.
    ///
    /// A guest that the command starts itself uses QEMU's user network, unless --net selects another one.
    Load(LoadOptions),
    /// Runs a command until it ends, or until standard input is closed.
    #[command(hide = true)]
    Supervise(SuperviseOptions),
    /// Reports which of the required programs and devices this machine has. Changes nothing.
    Doctor,
    /// Applies patches with known faults, one at a time, and expects a test to fail for each.
    Mutate(MutateOptions),
}

/// Options of `build`.
#[derive(Args, Debug)]
pub(crate) struct BuildOptions {
    /// Builds the image that runs its own tests and then exits.
    #[arg(long)]
    pub(crate) selftest: bool,
    /// The software on which the service runs.
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
    /// Parts of the names of the patches to apply. By default all patches are applied.
    pub(crate) patches: Vec<String>,
}

#[cfg(test)]
mod tests;
