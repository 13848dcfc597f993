//! How often the host took the processor from the guest.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::pid::Pid;

/// How QEMU names the thread of the virtual CPU that serves, before the name of the accelerator.
const THREAD: &str = "CPU 0/";
/// The field of `/proc/PID/task/TID/status` that counts the times a thread was made to wait.
const FIELD: &str = "nonvoluntary_ctxt_switches:";

/// The thread of the virtual CPU that serves.
#[derive(Debug)]
pub(super) struct Server {
    status: PathBuf,
}

impl Server {
    /// Looks for the thread among those of QEMU.
    ///
    /// # Errors
    /// QEMU has ended, or has no such thread.
    pub(super) fn of(qemu: Pid) -> anyhow::Result<Self> {
        let tasks = Path::new("/proc").join(qemu.number.to_string()).join("task");
        for task in std::fs::read_dir(&tasks).with_context(|| tasks.display().to_string())? {
            let task = task?.path();
            // A thread may end between the two looks.
            let name = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
            if name.starts_with(THREAD) {
                return Ok(Self { status: task.join("status") });
            }
        }
        anyhow::bail!("{} has no thread {THREAD}", tasks.display())
    }

    /// Times the host has taken the processor from the thread since its start.
    pub(super) fn preemptions(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(&self.status)
            .with_context(|| self.status.display().to_string())?;
        preemptions_in(&status)
    }
}

fn preemptions_in(status: &str) -> anyhow::Result<u64> {
    let mut values = status.lines().filter_map(|line| line.strip_prefix(FIELD));
    let value = values.next().with_context(|| format!("no {FIELD}"))?.trim();
    ensure!(values.next().is_none(), "two lines {FIELD}");
    value.parse().with_context(|| format!("{FIELD} {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read() {
        let status = "Name:\tCPU 0/TCG\nvoluntary_ctxt_switches:\t70\n\
                      nonvoluntary_ctxt_switches:\t12\n";
        assert_eq!(preemptions_in(status).unwrap(), 12);
        assert!(preemptions_in("voluntary_ctxt_switches:\t70\n").is_err());
        assert!(preemptions_in("nonvoluntary_ctxt_switches:\tmany\n").is_err());
    }
}
