//! Describes the host for provisioning: its programs, and the privilege with which packages are installed.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::{process, sys};

/// Maximum time for which the tool waits for another package manager. An unattended upgrade takes minutes.
const LOCK_LIMIT: Duration = Duration::from_secs(300);
/// The pause between two attempts to get a lock.
const LOCK_PAUSE: Duration = Duration::from_secs(2);

/// The programs that provisioning may use. Tests create a host whose programs are scripts.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// The value of `PATH` in which programs are searched.
    pub(super) path: OsString,
    /// Whether the tool runs as root.
    pub(super) is_root: bool,
    /// Whether a user can type a password.
    pub(super) has_terminal: bool,
    /// Maximum time for which the tool waits for the lock of another package manager.
    pub(super) lock_limit: Duration,
    /// The pause between two attempts to get the lock.
    pub(super) lock_pause: Duration,
}

/// The privilege with which the package manager runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// The tool runs as root.
    Root,
    /// `sudo` may ask for a password.
    Sudo,
    /// `sudo` must not ask for a password, because there is no terminal.
    SilentSudo,
}

impl Host {
    /// Returns the description of this machine.
    pub(crate) fn real() -> Self {
        Self {
            path: std::env::var_os("PATH").unwrap_or_default(),
            is_root: sys::is_root(),
            has_terminal: std::io::stdin().is_terminal(),
            lock_limit: LOCK_LIMIT,
            lock_pause: LOCK_PAUSE,
        }
    }

    /// Finds a program.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        process::find_in(&self.path, program)
    }

    /// Returns a command whose messages are in English.
    pub(crate) fn command(&self, program: &str) -> Command {
        let found = self.find(program).unwrap_or_else(|| PathBuf::from(program));
        let mut command = Command::new(found);
        command.env("PATH", &self.path).env("LC_ALL", "C");
        command
    }

    /// Chooses the privilege for the installation of packages.
    ///
    /// # Errors
    /// No privilege is available. The text states the reason.
    pub(super) fn right(&self) -> Result<Right, String> {
        match (self.is_root, self.find("sudo").is_some(), self.has_terminal) {
            (true, ..) => Ok(Right::Root),
            (false, true, true) => Ok(Right::Sudo),
            (false, true, false) => Ok(Right::SilentSudo),
            (false, false, _) => Err("needs root, and there is no sudo on this host".to_owned()),
        }
    }

    /// Returns a command of the package manager that may change the system.
    pub(super) fn privileged(&self, right: Right) -> Command {
        let mut command = match right {
            Right::Root => self.command("apt-get"),
            Right::Sudo | Right::SilentSudo => self.command("sudo"),
        };
        if right == Right::SilentSudo {
            command.arg("-n");
        }
        if right != Right::Root {
            // sudo drops the environment.
            command.args(["env", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        }
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Returns a command in the form in which a user of this host types it.
    pub(super) fn typed(&self, command: &str) -> String {
        if self.is_root { command.to_owned() } else { format!("sudo {command}") }
    }

    /// Returns the commands with which a user of this host installs packages.
    pub(crate) fn command_line(&self, packages: &[&str]) -> String {
        let install = format!("apt-get install --no-install-recommends {}", packages.join(" "));
        format!("{} && {}", self.typed("apt-get update"), self.typed(&install))
    }
}
