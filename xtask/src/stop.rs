//! `cargo xtask stop`: ends a guest by its name.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::cli::StopOptions;
use crate::exit::{self, Cause};
use crate::instance;
use crate::workspace::Workspace;
use crate::{process, sys};

/// How long QEMU may take to end when it is asked to.
const POLITE: Duration = Duration::from_secs(3);
/// How long the kernel may take to end it.
const FINAL: Duration = Duration::from_secs(5);

/// Runs the verb.
pub(crate) fn stop(workspace: &Workspace, options: &StopOptions) -> anyhow::Result<ExitCode> {
    let name = &options.name;
    let ports = instance::expect_live(workspace, name)?;
    let folder = instance::folder(workspace, name)?;
    let line = std::fs::read(format!("/proc/{}/cmdline", ports.pid)).unwrap_or_default();
    if !is_ours(&line, &folder) {
        let message = format!("pid {} is not the guest {name}; nothing was ended", ports.pid);
        return Err(exit::failure(Cause::Taken, message));
    }
    // A `run` in another terminal takes the missing file as a sign that this is wanted.
    std::fs::remove_file(folder.join("ports.json"))?;
    sys::kill(ports.pid, libc::SIGTERM)?;
    if !ends(&folder, POLITE)? {
        sys::kill(ports.pid, libc::SIGKILL)?;
        if !ends(&folder, FINAL)? {
            bail!("the guest {name} (pid {}) does not end", ports.pid);
        }
    }
    process::announce("Stopped", name);
    Ok(ExitCode::SUCCESS)
}

/// Says whether a command line is of a QEMU that writes its console into this folder.
fn is_ours(line: &[u8], folder: &Path) -> bool {
    let serial = format!("file:{}", folder.join("serial.log").display());
    line.split(|byte| *byte == 0).any(|word| word == serial.as_bytes())
}

/// Waits until neither the guest nor the tool that started it holds the lock.
fn ends(folder: &Path, limit: Duration) -> anyhow::Result<bool> {
    let deadline = Instant::now() + limit;
    while instance::is_locked(folder)? {
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_guest_of_this_folder_is_ended() {
        let folder = Path::new("/w/target/run/a");
        let line = b"qemu-system-x86_64\0-serial\0file:/w/target/run/a/serial.log\0";
        assert!(is_ours(line, folder));
        assert!(!is_ours(line, Path::new("/w/target/run/b")));
        assert!(!is_ours(b"sh\0", folder));
        assert!(!is_ours(b"", folder));
    }
}
