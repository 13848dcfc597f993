//! `cargo xtask bench`: measures the image, alone or compared with Linux.
//!
//! Systems are compared within one run, alternately on the same QEMU: results of different machines and times
//! are not comparable.

mod boot;
mod figures;
mod guest;
mod image;
mod linux;
mod peer;
mod rows;
mod tcp;
mod turns;
mod workloads;

use std::process::ExitCode;

use crate::cli::Bench;
use crate::workspace::Workspace;

/// Runs `cargo xtask bench`.
pub(crate) fn bench(workspace: &Workspace, what: &Bench) -> anyhow::Result<ExitCode> {
    match what {
        Bench::Guest(options) => guest::guest(workspace, options),
        Bench::Linux(options) => linux::linux(workspace, options),
        Bench::Turns(options) => turns::turns(workspace, options),
        Bench::Tcp(options) => tcp::tcp(workspace, options),
        Bench::Boot(options) => boot::boot(workspace, options),
    }
}
