//! A guest with a name: its folder `target/run/NAME`, its lock and its file `ports.json`.
//!
//! The lock is an advisory lock on the file `lock`. The tool takes the lock and QEMU inherits it, so it is
//! held exactly as long as one of them lives. Unlike a pid in a file, it can never be out of date.

mod ports_file;
mod processes;

use std::fs::{self, File, TryLockError};
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::exit::{self, Cause};
use crate::workspace::Workspace;

pub(crate) use ports_file::Ports;
pub(crate) use processes::Processes;

/// Maximum time for which a killed guest may still hold its lock.
const DEATH_LIMIT: Duration = Duration::from_millis(500);
/// The pause between two attempts to take a lock.
const LOOK: Duration = Duration::from_millis(10);

/// A claimed name of a guest. The value proves that no other guest of this name lives.
#[derive(Debug)]
pub(crate) struct Instance {
    name: String,
    folder: PathBuf,
    lock: File,
}

impl Instance {
    /// Claims a name for a guest.
    ///
    /// # Errors
    /// The name is not a plain word, or a guest of this name lives. In the second case the message contains
    /// its ports.
    pub(crate) fn claim(workspace: &Workspace, name: &str) -> anyhow::Result<Self> {
        let folder = folder(workspace, name)?;
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let lock = open_lock(&folder)?;
        if !lock_within(&lock, DEATH_LIMIT)? {
            return Err(exit::failure(Cause::Taken, describe_live(&folder, name)));
        }
        let instance = Self { name: name.to_owned(), folder, lock };
        instance.forget_ports();
        Ok(instance)
    }

    /// Returns the name of the guest.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the folder of the guest.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of a file in the folder of the guest.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Returns the path of the file with the serial console.
    pub(crate) fn serial(&self) -> PathBuf {
        self.path("serial.log")
    }

    /// Returns the text on the serial console. It is empty if the file does not exist.
    pub(crate) fn console(&self) -> String {
        let bytes = fs::read(self.serial()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns the descriptor of the lock file, which the guest inherits.
    pub(crate) fn lock_descriptor(&self) -> RawFd {
        self.lock.as_raw_fd()
    }

    /// Writes the addresses of the guest to `ports.json`.
    pub(crate) fn publish(&self, ports: &Ports) -> anyhow::Result<()> {
        let path = self.path("ports.json");
        fs::write(&path, ports.to_json()).with_context(|| path.display().to_string())
    }

    /// Returns whether `ports.json` still exists. `stop` removes that file before it ends the guest.
    pub(crate) fn is_published(&self) -> bool {
        self.path("ports.json").exists()
    }

    /// Removes `ports.json`, if it exists.
    pub(crate) fn forget_ports(&self) {
        forget_ports(&self.folder);
    }

    /// Writes the processes of the guest to `processes.json`.
    pub(crate) fn record(&self, processes: &Processes) -> anyhow::Result<()> {
        processes.write(&self.folder)
    }
}

/// Removes `ports.json` of a folder, if it exists.
pub(crate) fn forget_ports(folder: &Path) {
    let _ = fs::remove_file(folder.join("ports.json"));
}

/// Returns the processes that were started by the last run in a folder.
pub(crate) fn processes(folder: &Path) -> Option<Processes> {
    Processes::read(folder)
}

/// Returns the folder of a name.
///
/// # Errors
/// The folder would be outside of `target/run`, or the name is hard to type.
pub(crate) fn folder(workspace: &Workspace, name: &str) -> anyhow::Result<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        let message = format!("{name:?} is not a name: use letters, digits, '-', '_' and '.'");
        return Err(exit::failure(Cause::Usage, message));
    }
    Ok(workspace.path("target/run").join(name))
}

/// Checks that no guest of the name lives. Changes nothing.
///
/// # Errors
/// As [`Instance::claim`].
pub(crate) fn expect_free(workspace: &Workspace, name: &str) -> anyhow::Result<()> {
    let folder = folder(workspace, name)?;
    if is_locked(&folder)? {
        return Err(exit::failure(Cause::Taken, describe_live(&folder, name)));
    }
    Ok(())
}

/// Returns the ports of a live guest, or `None` if no guest of that name lives.
pub(crate) fn find_live(workspace: &Workspace, name: &str) -> anyhow::Result<Option<Ports>> {
    let folder = folder(workspace, name)?;
    if !is_locked(&folder)? {
        return Ok(None);
    }
    Ok(read_ports(&folder))
}

/// Returns the ports of a live guest.
///
/// # Errors
/// No guest of that name lives.
pub(crate) fn expect_live(workspace: &Workspace, name: &str) -> anyhow::Result<Ports> {
    find_live(workspace, name)?.ok_or_else(|| {
        exit::failure(
            Cause::Taken,
            format!("no guest {name} runs; start one with: cargo xtask run"),
        )
    })
}

/// Returns whether the tool or the guest that uses this folder lives.
pub(crate) fn is_locked(folder: &Path) -> anyhow::Result<bool> {
    if !folder.join("lock").exists() {
        return Ok(false);
    }
    Ok(!try_lock(&open_lock(folder)?)?)
}

fn open_lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let mut options = File::options();
    options.create(true).read(true).write(true).truncate(false);
    options.open(&path).with_context(|| path.display().to_string())
}

fn try_lock(lock: &File) -> anyhow::Result<bool> {
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error).context("the lock of the guest's folder"),
    }
}

/// Takes a lock. Waits up to `limit` for a guest that was just killed, because the kernel frees its memory
/// before it releases the lock.
fn lock_within(lock: &File, limit: Duration) -> anyhow::Result<bool> {
    let deadline = Instant::now() + limit;
    loop {
        let taken = try_lock(lock)?;
        if taken || Instant::now() > deadline {
            return Ok(taken);
        }
        std::thread::sleep(LOOK);
    }
}

fn read_ports(folder: &Path) -> Option<Ports> {
    Ports::from_json(&fs::read_to_string(folder.join("ports.json")).ok()?)
}

fn describe_live(folder: &Path, name: &str) -> String {
    match read_ports(folder) {
        Some(ports) => format!(
            "{name} runs already: RESP on {}, pid {}; end it with: cargo xtask stop --name {name}, \
             or start another with --name",
            ports.resp, ports.pid
        ),
        None => format!("{name} is being started by another call of the tool"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(name: &str) -> Workspace {
        let root = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        Workspace::at(&root)
    }

    #[test]
    fn a_name_is_claimed_once() {
        let workspace = workspace("claim");
        let first = Instance::claim(&workspace, "a").unwrap();
        let ports = Ports {
            resp: "127.0.0.1:7001".parse().unwrap(),
            http: None,
            pid: 7,
            accel: "tcg".to_owned(),
        };
        first.publish(&ports).unwrap();
        let error = Instance::claim(&workspace, "a").unwrap_err();
        assert_eq!(exit::cause_of(&error), Some(Cause::Taken));
        assert!(error.to_string().contains("127.0.0.1:7001"), "{error}");
        assert_eq!(find_live(&workspace, "a").unwrap(), Some(ports));
        assert!(expect_free(&workspace, "a").unwrap_err().to_string().contains("127.0.0.1:7001"));
        expect_free(&workspace, "b").unwrap();
        assert!(Instance::claim(&workspace, "b").is_ok());
        drop(first);
        // A child that another test starts at the same time holds every descriptor until its exec.
        let deadline = Instant::now() + Duration::from_secs(10);
        while find_live(&workspace, "a").unwrap().is_some() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        assert_eq!(find_live(&workspace, "a").unwrap(), None);
        assert!(!Instance::claim(&workspace, "a").unwrap().is_published());
        fs::remove_dir_all(workspace.root()).unwrap();
    }

    #[test]
    fn names_stay_in_their_folder() {
        let workspace = workspace("names");
        for name in ["", ".", "..", "a/b", "a b", ".hidden"] {
            assert!(folder(&workspace, name).is_err(), "{name}");
        }
        assert!(folder(&workspace, "load-2.x_y").is_ok());
    }
}
