//! Installs clients below `target/clients`, once for each version of the file that fixes their versions.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::context::LibraryContext;
use crate::process;
use crate::provision::{self, Removals};
use crate::test::tally::Skip;
use crate::toolchain;

/// Maximum time of an installation, which downloads some MB or compiles everything.
const LIMIT: Duration = Duration::from_secs(900);
/// The file that marks a complete installation. It contains the fixed versions.
const STAMP: &str = ".installed";

/// Returns a Python that has the packages in `requirements.txt`.
pub(super) fn python(context: &LibraryContext<'_>) -> anyhow::Result<PathBuf> {
    let (folder, pins) = (context.target("python"), context.file("requirements.txt"));
    let python = folder.join("bin/python");
    once(&folder, &pins, "the Python clients are not installed", || {
        let environment = || {
            let mut command = Command::new("python3");
            succeed(command.args(["-m", "venv", "--clear"]).arg(&folder))
        };
        // On Debian the module `venv` is in a separate package.
        if environment().is_err() {
            provision::install(&["python3-venv"], "for Python clients", Removals::Refused)?;
            environment()?;
        }
        succeed(pip(&python).args(["install", "--no-deps", "--requirement"]).arg(&pins))
    })?;
    Ok(python)
}

/// Returns the sources of redis-py with its tests, in the version of `requirements.txt`.
pub(super) fn redis_py_sources(context: &LibraryContext<'_>) -> anyhow::Result<PathBuf> {
    let python = python(context)?;
    let (folder, pins) = (context.target("redis-py"), context.file("requirements.txt"));
    let text = std::fs::read_to_string(&pins)?;
    let pin = text.lines().find(|line| line.starts_with("redis==")).context("no redis==")?;
    once(&folder, &pins, "the sources of redis-py are not there", || {
        let mut command = pip(&python);
        command.args(["download", "--no-deps", "--no-binary", "redis", pin, "--dest"]);
        succeed(command.arg(&folder))?;
        let archive = format!("{}.tar.gz", pin.replace("==", "-"));
        let mut command = Command::new("tar");
        succeed(command.arg("-xzf").arg(folder.join(archive)).arg("-C").arg(&folder))
    })?;
    Ok(folder.join(pin.replace("==", "-")))
}

/// Returns the folder with the clients of `package-lock.json` and the project's scripts.
pub(super) fn node(context: &LibraryContext<'_>) -> anyhow::Result<PathBuf> {
    let (folder, lock) = (context.target("node"), context.file("node/package-lock.json"));
    once(&folder, &lock, "the Node clients are not installed", || {
        if process::find("npm").is_none() {
            provision::install(&["nodejs", "npm"], "for Node clients", Removals::Refused)?;
        }
        for name in ["package.json", "package-lock.json"] {
            std::fs::copy(context.file("node").join(name), folder.join(name))?;
        }
        let mut command = Command::new("npm");
        command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
        succeed(&mut command)
    })?;
    // Imports are resolved relative to the script.
    for name in ["node_redis.js", "ioredis.js"] {
        std::fs::copy(context.file("node").join(name), folder.join(name))?;
    }
    Ok(folder)
}

/// Returns the folder with the programs of the cargo package of clients.
pub(super) fn rust(context: &LibraryContext<'_>) -> anyhow::Result<PathBuf> {
    let target = context.target("rust");
    let mut command = toolchain::host_cargo(context.workspace, "build");
    command.args(["--locked", "--manifest-path"]).arg(context.file("rust/Cargo.toml"));
    command.env("CARGO_TARGET_DIR", &target);
    if let Err(error) = succeed(&mut command) {
        // Without the package registry, the package cannot be built, so the case is skipped. Any other error
        // is a failure.
        let text = format!("{error:#}");
        ensure!(!text.contains("error: could not compile"), "{text}");
        process::announce("", &text);
        return Err(Skip("the Rust clients cannot be fetched").into());
    }
    Ok(target.join("debug"))
}

/// Returns the program that is compiled from a C file with one library.
pub(super) fn c(context: &LibraryContext<'_>, name: &str) -> anyhow::Result<PathBuf> {
    let folder = context.target("c");
    std::fs::create_dir_all(&folder)?;
    let (source, program) = (context.file(&format!("{name}.c")), folder.join(name));
    if !Path::new("/usr/include").join(name).exists() {
        packages(&["libhiredis-dev", "gcc", "libc6-dev"], "a client in C");
    }
    if !Path::new("/usr/include").join(name).exists() {
        return Err(Skip("libhiredis-dev is not installed").into());
    }
    let mut command = Command::new("cc");
    command.args(["-Wall", "-Wextra", "-Werror", "-O1", "-o"]).arg(&program).arg(&source);
    succeed(command.arg(format!("-l{name}")))?;
    Ok(program)
}

/// Finds a program. Installs its Debian package if the program is missing.
pub(super) fn program(name: &'static str, package: &str) -> anyhow::Result<PathBuf> {
    // Debian installs servers in a folder that is not in the search path of users.
    let find = || process::find(name).or_else(|| process::find(format!("/usr/sbin/{name}")));
    if find().is_none() {
        packages(&[package], "a client of the tests");
    }
    find().ok_or_else(|| {
        process::announce("", &format!("{name} is missing"));
        Skip("a Debian package is not installed").into()
    })
}

/// Installs Debian packages. The caller must detect packages that are still missing.
fn packages(packages: &[&str], why: &str) {
    if let Err(error) = provision::install(packages, why, Removals::Refused) {
        process::announce("", &format!("{error:#}"));
    }
}

/// Installs into an empty folder, unless the same versions were installed there before.
fn once(
    folder: &Path,
    pins: &Path,
    skip: &'static str,
    install: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let wanted = std::fs::read(pins).with_context(|| pins.display().to_string())?;
    let stamp = folder.join(STAMP);
    if std::fs::read(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    process::announce("Install", &format!("below {}", folder.display()));
    match install() {
        Ok(()) => Ok(std::fs::write(stamp, wanted)?),
        Err(error) => {
            process::announce("", &format!("{error:#}"));
            Err(Skip(skip).into())
        }
    }
}

fn pip(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
    command
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let output = process::capture_within(command, LIMIT)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}\n{error}", process::show(command), output.status);
    Ok(())
}
