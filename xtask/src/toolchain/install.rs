//! Gets a compiler for the image onto a machine that has none.

use crate::exit::{self, Cause};
use crate::process;
use crate::provision::{self, Removals};
use crate::workspace::{self, Workspace};

use super::TARGET;

/// Debian's compiler, its cargo, the library sources and clippy.
const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];

/// Installs the target by rustup, else Debian's compiler, else says what a person can do.
pub(super) fn install(workspace: &Workspace) -> anyhow::Result<()> {
    if by_rustup() {
        return Ok(());
    }
    let msrv = workspace.msrv_minor()?;
    // A machine that has never fetched the package lists knows of no candidate.
    let candidate = candidate().or_else(|| {
        provision::refresh(PACKAGES).ok()?;
        candidate()
    });
    if candidate.is_some_and(|minor| minor >= msrv) {
        let purpose = "a compiler for the image, about a minute";
        return provision::install(PACKAGES, purpose, Removals::Refused);
    }
    Err(exit::failure(Cause::Missing, advice(msrv)))
}

/// Adds the target to the active toolchain, unless the environment says not to.
fn by_rustup() -> bool {
    if process::find("rustup").is_none() || may_not_download() {
        return false;
    }
    process::announce("Install", &format!("rustup target {TARGET}, some seconds"));
    let added = process::ask("rustup", &["target", "add", TARGET]).is_some();
    if !added {
        process::announce("", "rustup could not add it");
    }
    added
}

fn may_not_download() -> bool {
    std::env::var_os("RUSTUP_AUTO_INSTALL").is_some_and(|value| value == "0")
}

/// Returns the minor version of the rustc that Debian would install.
fn candidate() -> Option<u32> {
    let policy = process::ask("apt-cache", &["policy", PACKAGES[0]])?;
    policy.lines().find_map(|line| workspace::minor_of(line.trim().strip_prefix("Candidate:")?))
}

/// The commands that a person can run.
pub(crate) fn advice(msrv: u32) -> String {
    format!(
        "no compiler for {TARGET}: the image needs rustc 1.{msrv} or later with that target or \
         with its library sources. One of these mends it:\n    \
         rustup target add {TARGET}\n    \
         rustup component add rust-src\n    \
         {}",
        provision::command_line(PACKAGES)
    )
}
