//! Packages of the distribution: missing ones are installed, or named with the commands for a person.

mod apt;
mod host;
mod refusal;

pub(crate) use apt::{Apt, Removals};
pub(crate) use host::Host;

/// Writes the commands by which a person installs packages on this host.
pub(crate) fn command_line(packages: &[&str]) -> String {
    Host::real().command_line(packages)
}

/// Installs packages: directly as root, else by sudo.
///
/// # Errors
/// The packages cannot be installed; the message lists the attempts and the commands for a person.
pub(crate) fn install(packages: &[&str], why: &str, removals: Removals) -> anyhow::Result<()> {
    Apt::new(Host::real()).install(packages, why, removals)
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
