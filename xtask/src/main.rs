//! `cargo xtask`: builds, boots, queries and tests the image.
//!
//! Each verb has a file of its own name. The other modules are shared by several verbs.

mod accel;
mod bench;
mod build;
mod cli;
mod doctor;
mod exit;
mod file_lock;
mod guest;
mod hermit;
mod instance;
mod linux;
mod listen_backlog;
mod load;
mod load_average;
mod load_network;
mod mutate;
mod network;
mod numbers;
mod passt;
mod pid;
mod process;
mod provision;
mod qemu;
mod query;
mod redis;
mod resp;
mod run;
mod runtime;
mod selftest;
mod stop;
mod symbols;
mod sys;
mod test;
mod toolchain;
mod workload;
mod workspace;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Verb};
use workspace::Workspace;

fn main() -> ExitCode {
    exit::code_of(act(Cli::parse()))
}

fn act(cli: Cli) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    process::set_verbose(cli.verbose);
    match cli.verb {
        Verb::Run(options) => run::run(&workspace, &options),
        Verb::Stop(options) => stop::stop(&workspace, &options),
        Verb::Query(options) => query::query(&workspace, &options),
        Verb::Build(options) => build::build(&workspace, &options),
        Verb::Test(options) => test::test(&workspace, &options),
        Verb::Selftest(options) => selftest::selftest(&workspace, &options),
        Verb::Bench(options) => bench::bench(&workspace, &options.what),
        Verb::Load(options) => load::load(&workspace, &options),
        Verb::Supervise(options) => passt::supervisor::supervise(&options.command),
        Verb::Doctor => doctor::doctor(&workspace),
        Verb::Mutate(options) => mutate::mutate(&workspace, &options),
    }
}
