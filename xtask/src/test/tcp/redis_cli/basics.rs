//! Runs single commands in redis-cli, and compares its output with that of `query`.

use anyhow::ensure;

use super::command::{LIMIT, redis_cli};
use crate::process;
use crate::test::tcp::subject::Subject;

/// Runs `redis-cli PING`.
pub(crate) fn ping(subject: &Subject) -> anyhow::Result<()> {
    let text = printed(subject, &["PING"])?;
    ensure!(text == "PONG\n", "redis-cli prints {text:?}");
    Ok(())
}

/// Both clients must print the same text for every kind of reply.
pub(crate) fn agree(subject: &Subject) -> anyhow::Result<()> {
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
        // A command that changes data is sent only by the first client; the second client reads the result.
        let changes = index == 0 || index == commands.len() - 1;
        let theirs = printed(subject, command)?;
        if changes {
            continue;
        }
        let ours = subject.connect()?.call(command)?.terminal();
        // redis-cli prints an empty line after an error if its output is not a terminal.
        ensure!(theirs.trim_end() == ours.trim_end(), "{command:?}: {theirs:?} and {ours:?}");
    }
    Ok(())
}

fn printed(subject: &Subject, words: &[&str]) -> anyhow::Result<String> {
    let mut command = redis_cli(subject)?;
    let output = process::capture_within(command.arg("--no-raw").args(words), LIMIT)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
