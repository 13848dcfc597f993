//! Installs missing packages of the distribution, or prints the commands with which the user can install
//! them.

mod apt;
mod host;
mod refusal;

pub(crate) use apt::{Apt, Removals};
pub(crate) use host::Host;

/// Returns the commands with which the user can install packages on this host.
pub(crate) fn command_line(packages: &[&str]) -> String {
    Host::real().command_line(packages)
}

/// Installs packages: directly if the tool runs as root, and by `sudo` otherwise.
///
/// # Errors
/// The packages cannot be installed. The message lists the attempts, and the commands for the user.
pub(crate) fn install(packages: &[&str], why: &str, removals: Removals) -> anyhow::Result<()> {
    Apt::new(Host::real()).install(packages, why, removals)
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
