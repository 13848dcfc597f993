//! The programs of a Linux guest: our module, our first process, the host's Redis.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::packages;
use crate::exit::{self, Cause};
use crate::provision::{self, Removals};
use crate::{process, qemu};

/// The compiler that the kernel was built with.
const COMPILER: &str = "gcc-12";
const PACKAGES: &[&str] = &["gcc-12", "make", "libc6-dev", "libelf1", "binutils"];

/// Builds the module.
pub(super) fn module(
    version: &str,
    root: &Path,
    sources: &Path,
    work: &Path,
) -> anyhow::Result<PathBuf> {
    ensure_compiler()?;
    let folder = work.join("module");
    std::fs::create_dir_all(&folder)?;
    for name in ["Kbuild", "vmbench.c"] {
        let (from, to) = (sources.join(name), folder.join(name));
        std::fs::copy(&from, to).with_context(|| from.display().to_string())?;
    }
    let mut command = Command::new("make");
    command.arg("-C").arg(packages::headers(version, root));
    command.arg(format!("M={}", folder.display())).arg("modules");
    process::succeed(&mut command).context("the module does not build")?;
    Ok(folder.join("vmbench.ko"))
}

/// Builds the first process of a guest.
pub(super) fn init(sources: &Path, work: &Path) -> anyhow::Result<PathBuf> {
    ensure_compiler()?;
    let program = work.join("init");
    let mut command = Command::new(COMPILER);
    command.args(["-static", "-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program);
    process::succeed(command.arg(sources.join("init.c")))?;
    Ok(program)
}

fn ensure_compiler() -> anyhow::Result<()> {
    let is_there = |name: &&str| process::find(name).is_some();
    if [COMPILER, "make", "ld"].iter().all(is_there) {
        return Ok(());
    }
    provision::install(PACKAGES, "to build a module for Linux", Removals::Refused)
}

/// Finds the host's Redis. Debian's package has one program for the server and the tools, which is the
/// server under that name.
pub(crate) fn redis() -> anyhow::Result<PathBuf> {
    let find = || ["redis-server", "redis-check-rdb"].into_iter().find_map(process::find);
    if find().is_none() {
        provision::install(qemu::PACKAGES, "Redis for the guest", Removals::Refused)?;
    }
    find().ok_or_else(|| exit::failure(Cause::Missing, "no redis-server on this host"))
}

/// Returns the libraries that a program is linked with, including the loader.
pub(super) fn libraries(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let text = process::ask("ldd", &[&program.display().to_string()]);
    Ok(paths_of(&text.with_context(|| format!("ldd {}", program.display()))?))
}

/// Reads `libm.so.6 => /lib/libm.so.6 (0x…)` and `/lib64/ld.so (0x…)`.
fn paths_of(text: &str) -> Vec<PathBuf> {
    let words =
        text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    words.map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read() {
        let text =
            "\tlinux-vdso.so.1 (0x7)\n\tlibm.so.6 => /lib/libm.so.6 (0x7f)\n\t/lib64/ld.so (0x7)\n";
        assert_eq!(paths_of(text), [Path::new("/lib/libm.so.6"), Path::new("/lib64/ld.so")]);
    }
}
