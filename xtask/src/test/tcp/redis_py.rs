//! redis-py against the image: a script of checks, in a Python environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::subject::Subject;
use crate::process;
use crate::provision::{self, Removals};
use crate::test::tally::Skip;

const SCRIPT: &str = "xtask/clients/redis_py.py";
/// Below `target`, so that `cargo clean` takes it away.
const ENVIRONMENT: &str = "target/clients/redis-py";

/// Some seconds, on a busy host.
const LIMIT: Duration = Duration::from_secs(180);
/// A package of some hundred KB.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

/// Runs the script.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let python = python(&subject.file(ENVIRONMENT))?;
    let mut command = Command::new(python);
    command.arg("-I").arg(subject.file(SCRIPT)).arg(subject.address().port().to_string());
    let output = process::capture_within(&mut command, LIMIT)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && error.is_empty(), "redis-py: {}\n{error}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.trim();
    let count = line.rsplit_once(": checked ").and_then(|(_, count)| count.parse::<u32>().ok());
    ensure!(count.is_some_and(|count| count > 0), "nothing was checked: {text:?}");
    process::announce("", line);
    Ok(())
}

/// A Python that has redis-py, made where there is none.
fn python(folder: &Path) -> anyhow::Result<PathBuf> {
    let python = folder.join("bin/python");
    let is_ready = || process::ask(&python, &["-I", "-c", "import redis"]).is_some();
    if !is_ready() {
        process::announce("Install", "redis-py, by pip, below target (a client of the tests)");
        if let Err(error) = install(folder, &python) {
            process::announce("", &format!("{error:#}"));
        }
    }
    if is_ready() { Ok(python) } else { Err(Skip("redis-py is not installed").into()) }
}

fn install(folder: &Path, python: &Path) -> anyhow::Result<()> {
    let environment = || {
        let mut command = Command::new("python3");
        succeed(command.args(["-m", "venv", "--clear"]).arg(folder))
    };
    // Debian's Python has it in a package of its own.
    if environment().is_err() {
        provision::install(&["python3-venv"], "for redis-py", Removals::Refused)?;
        environment()
            .with_context(|| format!("try {}", provision::command_line(&["python3-venv"])))?;
    }
    let mut command = Command::new(python);
    succeed(command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "redis",
    ]))
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let output = process::capture_within(command, INSTALL_LIMIT)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}\n{error}", process::show(command), output.status);
    Ok(())
}
