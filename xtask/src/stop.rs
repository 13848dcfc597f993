//! `cargo xtask stop`: ends a guest by its name, together with every process that its run has started.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::cli::StopOptions;
use crate::exit::{self, Cause};
use crate::instance::{self, Processes};
use crate::workspace::Workspace;
use crate::{process, sys};

/// Maximum time in which QEMU and passt must end after SIGTERM.
const POLITE: Duration = Duration::from_secs(5);
/// Maximum time in which the kernel must end them after SIGKILL.
const FINAL: Duration = Duration::from_secs(5);
/// The time between two checks whether the processes have ended.
const LOOK: Duration = Duration::from_millis(10);

/// Runs `cargo xtask stop`.
pub(crate) fn stop(workspace: &Workspace, options: &StopOptions) -> anyhow::Result<ExitCode> {
    let name = &options.name;
    let folder = instance::folder(workspace, name)?;
    let Some(processes) = instance::processes(&folder).filter(|all| !all.living().is_empty())
    else {
        let message = match instance::is_locked(&folder)? {
            true => format!("{name} is being built; end that with Ctrl-C in its terminal"),
            false => format!("no guest {name} runs; start one with: cargo xtask run"),
        };
        return Err(exit::failure(Cause::Taken, message));
    };
    // A `run` in another terminal interprets the missing file as a requested end.
    instance::forget_ports(&folder);
    end(&folder, &processes).with_context(|| format!("the guest {name}"))?;
    process::announce("Stopped", name);
    Ok(ExitCode::SUCCESS)
}

/// Asks QEMU to end, which ends passt too, and kills the processes that remain.
fn end(folder: &Path, processes: &Processes) -> anyhow::Result<()> {
    processes.qemu.signal(libc::SIGTERM)?;
    if !has_ended(folder, processes, POLITE)? {
        processes.qemu.signal(libc::SIGKILL)?;
        if let Some(supervisor) = processes.supervisor.filter(|supervisor| supervisor.lives()) {
            sys::kill_group(supervisor.number)?;
        }
    }
    if !has_ended(folder, processes, FINAL)? {
        bail!("still there: {:?}", processes.living());
    }
    Ok(())
}

/// Waits until no process lives, and neither the guest nor the tool that started it holds the lock.
fn has_ended(folder: &Path, processes: &Processes, limit: Duration) -> anyhow::Result<bool> {
    let deadline = Instant::now() + limit;
    while !processes.living().is_empty() || instance::is_locked(folder)? {
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
    Ok(true)
}
