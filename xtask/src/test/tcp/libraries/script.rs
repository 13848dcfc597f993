//! Runs the clients that are the project's own scripts and programs. Each prints `NAME VERSION: checked N` at
//! its end.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::context::LibraryContext;
use super::install;
use crate::process;

/// Maximum time of a script on a busy host.
const LIMIT: Duration = Duration::from_secs(180);

pub(super) fn redis_py(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    python(context, "redis_py.py", 410)
}

pub(super) fn redis_py_asyncio(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    python(context, "redis_py_asyncio.py", 58)
}

pub(super) fn valkey_glide(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    python(context, "valkey_glide.py", 76)
}

pub(super) fn django(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    python(context, "django_cache.py", 30)
}

pub(super) fn node_redis(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    node(context, "node_redis.js", 78)
}

pub(super) fn ioredis(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    node(context, "ioredis.js", 49)
}

pub(super) fn redis_rs(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    check(Command::new(install::rust(context)?.join("redis_rs")).arg(context.port()), 472)
}

pub(super) fn fred(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    check(Command::new(install::rust(context)?.join("fred")).arg(context.port()), 454)
}

pub(super) fn hiredis(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    check(Command::new(install::c(context, "hiredis")?).arg(context.port()), 3040)
}

fn python(context: &LibraryContext<'_>, script: &str, checks: u32) -> anyhow::Result<()> {
    let python = install::python(context)?;
    check(Command::new(python).arg("-I").arg(context.file(script)).arg(context.port()), checks)
}

fn node(context: &LibraryContext<'_>, script: &str, checks: u32) -> anyhow::Result<()> {
    let script = install::node(context)?.join(script);
    check(Command::new("node").arg(script).arg(context.port()), checks)
}

/// Runs a script to its end. It must report exactly `checks` checks.
fn check(command: &mut Command, checks: u32) -> anyhow::Result<()> {
    let output = process::capture_within(command, LIMIT)?;
    let error = String::from_utf8_lossy(&output.stderr);
    let what = Path::new(command.get_program()).display().to_string();
    ensure!(output.status.success(), "{what}: {}\n{error}", output.status);
    ensure!(error.is_empty(), "{what} complains\n{error}");
    let text = String::from_utf8_lossy(&output.stdout);
    let (name, count) = checked(&text).with_context(|| format!("no count in {text:?}"))?;
    process::announce("", &format!("{name}: {count} of {checks} checks"));
    ensure!(count == checks, "{count} checks, {checks} are wanted");
    Ok(())
}

/// Parses `NAME VERSION: checked N`.
fn checked(text: &str) -> Option<(&str, u32)> {
    let (name, count) = text.trim().rsplit_once(": checked ")?;
    Some((name, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_loses_checks_fails() {
        let say = |text: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", text]);
            command
        };
        check(&mut say("echo x 1.0: checked 3"), 3).unwrap();
        let error = check(&mut say("echo x 1.0: checked 2"), 3).unwrap_err().to_string();
        assert_eq!(error, "2 checks, 3 are wanted");
        assert!(check(&mut say("echo x 1.0: checked 3; exit 1"), 3).is_err());
        assert!(check(&mut say("echo x 1.0: checked 3; echo warning >&2"), 3).is_err());
        assert!(check(&mut say("true"), 0).is_err());
    }
}
