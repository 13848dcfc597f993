//! The stock client against the image.

use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use super::subject::Subject;
use crate::process;
use crate::test::tally::Skip;

const LIMIT: Duration = Duration::from_secs(30);

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
    if process::find("redis-cli").is_none() {
        return Err(Skip("redis-cli is not installed").into());
    }
    let mut command = Command::new("redis-cli");
    command.args(["--no-raw", "-p", &subject.address().port().to_string()]).args(words);
    let output = process::capture_within(&mut command, LIMIT)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
