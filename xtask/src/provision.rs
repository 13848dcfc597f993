//! Packages of the distribution: what is missing is installed, or named.

use std::io::IsTerminal;
use std::process::Command;

use anyhow::Context;

use crate::exit::{self, Cause};
use crate::{process, sys};

/// Whether an installation may take other packages away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removals {
    /// It may not: what would go might be a person's compiler.
    Refused,
    /// It may, and they are named before it begins.
    Named,
}

/// Writes the command for a person.
pub(crate) fn command_line(packages: &[&str]) -> String {
    format!("sudo apt-get install --no-install-recommends {}", packages.join(" "))
}

/// Fetches the package lists, with the rights that installing `packages` would need.
pub(crate) fn refresh(packages: &[&str]) -> anyhow::Result<()> {
    Helper::choose(packages)?.run(&["update"])
}

/// Installs packages: at once as root, after one question by sudo, never without a terminal.
pub(crate) fn install(packages: &[&str], why: &str, removals: Removals) -> anyhow::Result<()> {
    let helper = Helper::choose(packages)?;
    process::announce("Install", &format!("{} ({why})", packages.join(" ")));
    // Old lists name packages that are gone. Without network the installation says so itself.
    let _ = helper.run(&["update"]);
    let plan = simulate(packages)?;
    let removed = removed_by(&plan);
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    match (removed.is_empty(), removals) {
        (true, _) => arguments.push("--no-remove"),
        (false, Removals::Named) => {
            process::announce("", &format!("removes {}, which conflicts", removed.join(", ")));
        }
        (false, Removals::Refused) => {
            let message = format!(
                "installing {} would remove {}; if that is well: {}",
                packages.join(" "),
                removed.join(", "),
                command_line(packages)
            );
            return Err(exit::failure(Cause::Missing, message));
        }
    }
    arguments.extend(packages);
    helper.run(&arguments).with_context(|| format!("try {}", command_line(packages)))
}

/// Who runs the package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Helper {
    Root,
    Sudo,
}

impl Helper {
    fn choose(packages: &[&str]) -> anyhow::Result<Self> {
        let missing = |why: &str| {
            let command = command_line(packages);
            exit::failure(Cause::Missing, format!("{why}; install it with: {command}"))
        };
        if process::find("apt-get").is_none() {
            let list = packages.join(" ");
            let message = format!("missing, and there is no apt-get here: {list} (Debian's names)");
            return Err(exit::failure(Cause::Missing, message));
        }
        if sys::is_root() {
            return Ok(Self::Root);
        }
        if !std::io::stdin().is_terminal() {
            return Err(missing("missing, and there is no terminal to ask for a password"));
        }
        process::find("sudo").map(|_| Self::Sudo).ok_or_else(|| missing("missing, and no sudo"))
    }

    fn run(self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = match self {
            Self::Root => Command::new("apt-get"),
            Self::Sudo => Command::new("sudo"),
        };
        if self == Self::Sudo {
            command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        }
        command.env("DEBIAN_FRONTEND", "noninteractive");
        // Another installation may be under way; it is waited for.
        command.args(["-q", "-o", "DPkg::Lock::Timeout=600"]).args(arguments);
        match self {
            Self::Root => process::succeed(&mut command).map(|_| ()),
            Self::Sudo => process::converse(&mut command),
        }
    }
}

fn simulate(packages: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("apt-get");
    command.args(["install", "--simulate", "--no-install-recommends"]).args(packages);
    let output = process::succeed(&mut command).with_context(|| {
        format!("the package lists do not have it; try {}", command_line(packages))
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Names the packages that a simulated installation takes away.
fn removed_by(plan: &str) -> Vec<&str> {
    plan.lines().filter_map(|line| line.strip_prefix("Remv ")?.split(' ').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removals_are_read_from_a_simulation() {
        let plan = "Remv qemu-utils [1:10.0]\nInst qemu-system-x86 (1:7.2)\nConf passt (0.0)\n";
        assert_eq!(removed_by(plan), ["qemu-utils"]);
        assert!(removed_by("Inst passt (0.0)").is_empty());
    }

    #[test]
    fn the_command_is_whole() {
        assert_eq!(
            command_line(&["passt", "redis-tools"]),
            "sudo apt-get install --no-install-recommends passt redis-tools"
        );
    }
}
