//! Installs a compiler for the image on a machine that has none.

use crate::process;
use crate::provision::{Apt, Host, Removals};
use crate::workspace::{self, Workspace};

use super::target::TARGET;

/// Debian's packages with the compiler, its cargo, the library sources and clippy.
const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];

/// Installs the target by rustup, or else Debian's compiler. If both fail, the error lists the attempts and
/// the commands for the user.
pub(super) fn install(workspace: &Workspace) -> anyhow::Result<()> {
    let may_download = std::env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|value| value != "0");
    install_on(Apt::new(Host::real()), workspace.msrv_minor()?, may_download)
}

fn install_on(mut apt: Apt, msrv: u32, may_download: bool) -> anyhow::Result<()> {
    match by_rustup(apt.host(), may_download) {
        Ok(()) => return Ok(()),
        Err(why) => apt.tried().add(&format!("rustup target add {TARGET}"), &why),
    }
    if apt.host().find("apt-get").is_none() {
        apt.tried().add("apt-get", "not on this host");
        return Err(refusal(&mut apt, msrv));
    }
    // Old package lists also name a version, but that version is too old, so the lists are downloaded first.
    apt.refresh();
    let candidate = apt.candidate(PACKAGES[0]);
    let minor = candidate.as_deref().and_then(workspace::minor_of);
    if minor.is_some_and(|minor| minor >= msrv) {
        let purpose = "a compiler for the image, about a minute";
        return apt.install(PACKAGES, purpose, Removals::Refused);
    }
    let found = candidate.map_or_else(
        || "the package lists do not have it".to_owned(),
        |version| format!("the package lists offer {version}, 1.{msrv} is needed"),
    );
    apt.tried().add(PACKAGES[0], &found);
    Err(refusal(&mut apt, msrv))
}

/// Adds the target to the active toolchain, unless the environment forbids it.
fn by_rustup(host: &Host, may_download: bool) -> Result<(), String> {
    if host.find("rustup").is_none() {
        return Err("rustup is not installed".to_owned());
    }
    if !may_download {
        return Err("not tried, RUSTUP_AUTO_INSTALL is 0".to_owned());
    }
    process::announce("Install", &format!("rustup target {TARGET}, some seconds"));
    let mut command = host.command("rustup");
    let output = process::capture(command.args(["target", "add", TARGET]))
        .map_err(|error| format!("{error:#}"))?;
    if output.status.success() {
        return Ok(());
    }
    process::announce("", "rustup could not add it");
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().find(|line| line.starts_with("error")).unwrap_or_default();
    Err(format!("{}: {reason}", output.status))
}

fn refusal(apt: &mut Apt, msrv: u32) -> anyhow::Error {
    let commands = commands(apt.host());
    apt.tried().refusal(&lack(msrv), &commands)
}

fn lack(msrv: u32) -> String {
    format!(
        "no compiler for {TARGET}: the image needs rustc 1.{msrv} or later with that target or \
         with its library sources"
    )
}

/// Returns commands for the user. Any one of them suffices.
fn commands(host: &Host) -> [String; 3] {
    [
        format!("rustup target add {TARGET}"),
        "rustup component add rust-src".to_owned(),
        host.command_line(PACKAGES),
    ]
}

/// Describes the missing compiler, and the commands with which the user can install it.
pub(crate) fn advice(msrv: u32) -> String {
    let commands = commands(&Host::real()).join("\n    ");
    format!("{}. Run one of these:\n    {commands}", lack(msrv))
}

#[cfg(test)]
mod tests;
