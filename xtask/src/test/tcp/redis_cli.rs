//! The stock client against the image.

mod commands;
mod interactive;
mod keys;
mod options;
mod terminal;

use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use super::subject::Subject;
use crate::process;
use crate::test::tally::Skip;

/// For a busy host.
const LIMIT: Duration = Duration::from_secs(60);
/// A kernel command line with a password.
pub(super) const PASSWORD_LINE: &str = "requirepass=open-sesame";
pub(super) const PASSWORD: &str = "open-sesame";

/// As a person uses it.
pub(super) fn terminal(subject: &Subject) -> anyhow::Result<()> {
    interactive::run(subject)
}

/// Ten thousand keys are set in one go, listed and measured.
pub(super) fn keys(subject: &Subject) -> anyhow::Result<()> {
    keys::run(subject)
}

/// Its other options.
pub(super) fn options(subject: &Subject) -> anyhow::Result<()> {
    options::run(subject)
}

/// An image with a password.
pub(super) fn password(subject: &Subject) -> anyhow::Result<()> {
    options::password(subject)
}

/// Every command of the image.
pub(super) fn commands(subject: &Subject) -> anyhow::Result<()> {
    commands::run(subject)
}

/// `redis-cli PING`.
pub(super) fn ping(subject: &Subject) -> anyhow::Result<()> {
    let text = redis_cli(subject, &["PING"])?;
    ensure!(text == "PONG\n", "redis-cli prints {text:?}");
    Ok(())
}

/// Both clients print the same for every shape of reply.
pub(super) fn agree(subject: &Subject) -> anyhow::Result<()> {
    let commands: &[&[&str]] = &[
        &["VZALLOC", "10000", "NAME", "shapes"],
        &["VREAD", "@shapes", "0", "20"],
        &["VREAD", "@shapes", "9999", "2"],
        &["VPTE", "@shapes"],
        &["CONFIG", "GET", "save"],
        &["CONFIG", "GET", "*"],
        &["DBSIZE"],
        &["NOSUCH", "a"],
        &["ECHO", "a\"b\\c\n\t\u{1}"],
        &["VFREE", "@shapes"],
    ];
    for (index, command) in commands.iter().enumerate() {
        // What changes something is done once; the second client sees what the first has done.
        let changes = index == 0 || index == commands.len() - 1;
        let theirs = redis_cli(subject, command)?;
        if changes {
            continue;
        }
        let ours = subject.connect()?.call(command)?.terminal();
        // redis-cli adds an empty line behind an error, as this one did not come from a terminal.
        ensure!(theirs.trim_end() == ours.trim_end(), "{command:?}: {theirs:?} and {ours:?}");
    }
    Ok(())
}

fn redis_cli(subject: &Subject, words: &[&str]) -> anyhow::Result<String> {
    let mut command = command(subject)?;
    let output = process::capture_within(command.arg("--no-raw").args(words), LIMIT)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Begins a command line; what a person has set for other servers is left out.
pub(super) fn command(subject: &Subject) -> anyhow::Result<Command> {
    if process::find("redis-cli").is_none() {
        return Err(Skip("redis-cli is not installed").into());
    }
    let mut command = Command::new("redis-cli");
    command.args(["-p", &subject.address().port().to_string()]).env_remove("REDISCLI_AUTH");
    command.env("REDISCLI_RCFILE", "/dev/null").env("REDISCLI_HISTFILE", "/dev/null");
    Ok(command)
}
