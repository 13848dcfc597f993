//! Runs Debian's package manager.
//!
//! Three of its properties determine this module. `apt-get update` reports success even if no list could be
//! downloaded, unless `APT::Update::Error-Mode` is set. apt never waits for the lock of the lists, regardless
//! of `DPkg::Lock::Timeout`. Old lists cannot be recognized: they offer a version that is too old, or a
//! version that the archive has already removed.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use crate::process;

use super::host::{Host, Right};
use super::refusal::{self, Tried};

/// Tells whether an installation may remove other packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removals {
    /// The installation must not remove packages, because the user's compiler could be among them.
    Refused,
    /// The installation may remove packages. They are printed before it begins.
    Named,
}

/// Options for `apt-get update`. With them, an unreachable archive fails after one minute instead of ten.
const UPDATE: [&str; 7] = [
    "-q",
    "-o",
    "APT::Update::Error-Mode=any",
    "-o",
    "Acquire::http::Timeout=20",
    "-o",
    "Acquire::Retries=1",
];

/// The package manager, with a record of the steps that were tried.
#[derive(Debug)]
pub(crate) struct Apt {
    host: Host,
    tried: Tried,
    is_refreshed: bool,
}

impl Apt {
    /// Creates a package manager for which no step was tried.
    pub(crate) fn new(host: Host) -> Self {
        Self { host, tried: Tried::default(), is_refreshed: false }
    }

    /// Returns the host.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the record of steps, so that a caller can add a step of its own.
    pub(crate) fn tried(&mut self) -> &mut Tried {
        &mut self.tried
    }

    /// Downloads the package lists, once. A failure is only recorded, because the old lists may suffice.
    pub(crate) fn refresh(&mut self) {
        if std::mem::replace(&mut self.is_refreshed, true) {
            return;
        }
        let step = self.host.typed("apt-get update");
        match self.run(&["update"], &UPDATE) {
            Ok(output) if output.status.success() => self.tried.add(&step, "done"),
            Ok(output) => self.tried.add(&step, &failure_of(&output)),
            Err(why) => self.tried.add(&step, &why),
        }
    }

    /// Returns the version of a package that would be installed according to the present lists.
    pub(crate) fn candidate(&self, package: &str) -> Option<String> {
        let text = output_of(self.host.command("apt-cache").args(["policy", package]))?;
        let version = text.lines().find_map(|line| line.trim().strip_prefix("Candidate:"))?.trim();
        (version != "(none)").then(|| version.to_owned())
    }

    /// Returns the output of `apt-cache depends` for the current lists.
    pub(crate) fn depends(&self, package: &str) -> Option<String> {
        output_of(self.host.command("apt-cache").args(["depends", package]))
    }

    /// Downloads the package lists, and installs packages.
    ///
    /// # Errors
    /// The packages cannot be installed.
    pub(crate) fn install(
        &mut self,
        packages: &[&str],
        why: &str,
        removals: Removals,
    ) -> anyhow::Result<()> {
        process::announce("Install", &format!("{} ({why})", packages.join(" ")));
        if self.host.find("apt-get").is_none() {
            let list = packages.join(" ");
            let why = format!("missing, and there is no apt-get here: {list} (Debian's names)");
            return Err(self.tried.refusal(&why, &[]));
        }
        self.refresh();
        let removed = self.simulate(packages)?;
        let options = self.options(packages, &removed, removals)?;
        let mut words = vec!["install"];
        words.extend(packages);
        let step = self.host.typed(&format!("apt-get {}", words.join(" ")));
        match self.run(&words, &options) {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(self.refuse(packages, &step, &failure_of(&output))),
            Err(why) => Err(self.refuse(packages, &step, &why)),
        }
    }

    /// Returns the options for an installation that would remove the given packages.
    fn options(
        &self,
        packages: &[&str],
        removed: &[String],
        removals: Removals,
    ) -> anyhow::Result<Vec<&'static str>> {
        let mut options = vec!["--yes", "--no-install-recommends"];
        let (list, removed) = (packages.join(" "), removed.join(", "));
        match (removed.is_empty(), removals) {
            (true, _) => options.push("--no-remove"),
            (false, Removals::Named) => {
                process::announce("", &format!("removes {removed}, which conflicts"));
            }
            (false, Removals::Refused) => {
                let why = format!("installing {list} would remove {removed}; a person may do that");
                return Err(self.tried.refusal(&why, &[self.host.command_line(packages)]));
            }
        }
        Ok(options)
    }

    /// Downloads package files into a folder.
    pub(crate) fn download(&mut self, packages: &[String], folder: &Path) -> anyhow::Result<()> {
        let mut command = self.host.command("apt-get");
        command.args(["-q", "download"]).args(packages).current_dir(folder);
        let step = format!("apt-get download {}", packages.join(" "));
        match process::capture(&mut command) {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let names: Vec<_> = packages.iter().map(String::as_str).collect();
                Err(self.refuse(&names, &step, &failure_of(&output)))
            }
            Err(error) => Err(error),
        }
    }

    /// Simulates an installation, which needs no privilege. Returns the packages that the installation would
    /// remove.
    fn simulate(&mut self, packages: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut command = self.host.command("apt-get");
        command.args(["install", "--simulate", "--yes", "--no-install-recommends"]).args(packages);
        let step = format!("apt-get install --simulate {}", packages.join(" "));
        let output = match process::capture(&mut command) {
            Ok(output) => output,
            Err(error) => return Err(self.refuse(packages, &step, &format!("{error:#}"))),
        };
        if !output.status.success() {
            return Err(self.refuse(packages, &step, &failure_of(&output)));
        }
        Ok(removed_by(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Records the last step. Returns the error, with commands for the user that fit the failure.
    fn refuse(&mut self, packages: &[&str], step: &str, outcome: &str) -> anyhow::Error {
        self.tried.add(step, outcome);
        let held = self.held();
        let mut first = Vec::new();
        if outcome.contains("held") && !held.is_empty() {
            first.push(self.host.typed(&format!("apt-mark unhold {}", held.join(" "))));
        }
        if outcome.contains("dpkg") && !outcome.contains("lock") {
            first.push(self.host.typed("dpkg --configure -a"));
        }
        first.push(self.host.command_line(packages));
        let why = match held.is_empty() || !outcome.contains("held") {
            true => format!("{} cannot be installed", packages.join(" ")),
            false => format!(
                "{} cannot be installed while these packages are held: {}",
                packages.join(" "),
                held.join(" ")
            ),
        };
        self.tried.refusal(&why, &[first.join(" && ")])
    }

    /// Returns the packages that are on hold.
    fn held(&self) -> Vec<String> {
        let text = output_of(self.host.command("apt-mark").arg("showhold")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Runs a command that changes the system. Waits while another package manager holds the lock.
    fn run(&self, words: &[&str], options: &[&str]) -> Result<Output, String> {
        let right = self.host.right()?;
        let start = Instant::now();
        let mut is_announced = false;
        loop {
            let output = self.run_once(right, words, options)?;
            let said = String::from_utf8_lossy(&output.stderr);
            let Some(lock) = said.lines().find_map(lock_in) else { return Ok(output) };
            if start.elapsed() >= self.host.lock_limit {
                let limit = self.host.lock_limit.as_secs();
                return Err(format!("waited {limit} s for another package manager: {lock}"));
            }
            if !std::mem::replace(&mut is_announced, true) {
                let limit = self.host.lock_limit.as_secs();
                process::announce("Wait", &format!("at most {limit} s: {lock}"));
            }
            std::thread::sleep(self.host.lock_pause);
        }
    }

    fn run_once(&self, right: Right, words: &[&str], options: &[&str]) -> Result<Output, String> {
        let mut command = self.host.privileged(right);
        command.args(options).args(words);
        process::capture(&mut command).map_err(|error| format!("{error:#}"))
    }
}

/// Describes the failure of a command by its exit code and its error messages.
fn failure_of(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    format!("{}: {}", output.status, refusal::errors_in(&said))
}

fn output_of(command: &mut Command) -> Option<String> {
    let output = process::capture(command).ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the packages that a simulated installation would remove.
fn removed_by(plan: &str) -> Vec<String> {
    let lines = plan.lines().filter_map(|line| line.strip_prefix("Remv ")?.split(' ').next());
    lines.map(str::to_owned).collect()
}

/// Returns the message about a lock that another process holds, if the line is one.
fn lock_in(line: &str) -> Option<&str> {
    line.strip_prefix("E: ").filter(|text| text.starts_with("Could not get lock"))
}
