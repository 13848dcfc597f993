//! A host whose package manager is a set of scripts. Their state is files beside them, and their messages
//! are those of the real programs of Debian 12.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Host;

const PROGRAMS: [(&str, &str); 4] = [
    ("apt-get", include_str!("fake/apt-get.sh")),
    ("apt-cache", include_str!("fake/apt-cache.sh")),
    ("apt-mark", include_str!("fake/apt-mark.sh")),
    ("sudo", include_str!("fake/sudo.sh")),
];

/// Longer than any temporary lock is held, on a loaded machine too.
const PATIENT: Duration = Duration::from_secs(120);

/// Writes the first argument into the file that the second one names, and makes it executable.
const WRITE: &str = r#"printf %s "$1" > "$2" && chmod 755 "$2""#;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The scripts and their folder, which is removed with the value.
#[derive(Debug)]
pub(crate) struct Fake {
    folder: PathBuf,
    host: Host,
}

impl Fake {
    /// Makes a root user's host without installed packages, with these package lists and an archive that
    /// offers these packages. A line is a name and a version.
    pub(crate) fn new(lists: &str, archive: &str) -> Self {
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("xtask-apt-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let host = Host {
            path: folder.clone().into_os_string(),
            is_root: true,
            has_terminal: true,
            lock_limit: PATIENT,
            lock_pause: Duration::from_millis(1),
        };
        let fake = Self { folder, host };
        for (name, script) in PROGRAMS {
            fake.program(name, script);
        }
        fake.state("lists", lists).state("archive", archive)
    }

    /// Adds a program. A child process writes the file: a descriptor of this process would be open in every
    /// child that another test starts at the same time, and Linux executes no file that is open for
    /// writing.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let mut command = Command::new("sh");
        command.args(["-c", WRITE, "sh", script]).arg(self.folder.join(name));
        assert!(command.status().unwrap().success(), "{name} cannot be written");
    }

    /// Removes a program.
    pub(crate) fn without(self, program: &str) -> Self {
        fs::remove_file(self.folder.join(program)).unwrap();
        self
    }

    /// Writes a file of the state; see the scripts.
    pub(crate) fn state(self, name: &str, content: &str) -> Self {
        fs::write(self.folder.join(name), content).unwrap();
        self
    }

    /// Makes the user an ordinary one, with or without a terminal.
    pub(crate) fn user(mut self, has_terminal: bool) -> Self {
        self.host = Host { is_root: false, has_terminal, ..self.host.clone() };
        self.state("user", "")
    }

    /// Sets the time limit of the wait for the lock of another package manager.
    pub(crate) fn lock_limit(mut self, limit: Duration) -> Self {
        self.host.lock_limit = limit;
        self
    }

    /// Returns the host.
    pub(crate) fn host(&self) -> Host {
        self.host.clone()
    }

    /// Returns the packages that were installed, in order.
    pub(crate) fn installed(&self) -> String {
        self.read("installed")
    }

    /// Returns every call of `apt-get`, one per line.
    pub(crate) fn calls(&self) -> String {
        self.read("calls")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
