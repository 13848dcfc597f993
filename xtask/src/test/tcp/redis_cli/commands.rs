//! Runs every command of the image in redis-cli, and compares the replies with expected ones.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use anyhow::{Context, ensure};

use super::command::{LIMIT, PASSWORD, redis_cli};
use crate::process;
use crate::resp::Client;
use crate::runtime::Runtime;
use crate::test::reports;
use crate::test::tcp::subject::Subject;
use crate::test::tcp::{conversation, http};

/// The commands and replies, in the format of the README's conversation. Each command has its own connection.
const CONVERSATION: &str = include_str!("commands.txt");

/// Sends every command, and checks that every command of the image is covered.
pub(crate) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut told = BTreeSet::new();
    let conversation = match subject.runtime() {
        Runtime::Bare => CONVERSATION.to_owned(),
        // On Hermit the heap is not in the window, so the first region is another one.
        Runtime::Hermit => CONVERSATION.replace("\"heap\"", "\"…\"").replace(" heap ", " … "),
    };
    for step in conversation::parse(&conversation)? {
        let mut command = redis_cli(subject)?;
        command.arg("--no-raw").args(step.words.iter().map(|word| OsStr::from_bytes(word)));
        let output = process::capture_within(command.env("REDISCLI_AUTH", PASSWORD), LIMIT)?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(error.is_empty(), "{}: {error}", step.line);
        let text = String::from_utf8_lossy(&output.stdout);
        // redis-cli prints an empty line after an error if its output is not a terminal.
        let lines: Vec<_> = text.trim_end().lines().map(str::to_owned).collect();
        conversation::compare(&step, &lines)?;
        let name = step.words.first().context("a line without a command")?;
        told.insert(String::from_utf8_lossy(name).to_uppercase());
    }
    let mut client = subject.connect()?;
    // These commands need a connection that has sent `MULTI`, so they are not in the file.
    for name in ["DISCARD", "EXEC"] {
        client.call(&["MULTI"])?;
        client.call(&[name])?;
    }
    let (subcommands, names): (BTreeSet<_>, BTreeSet<_>) =
        all_names(&mut client)?.into_iter().partition(|name| name.contains('|'));
    ensure!(told == names, "not in both: {:?}", told.symmetric_difference(&names));
    // `SHUTDOWN` has a test of its own, because it ends the image.
    for name in names.into_iter().filter(|name| name != "SHUTDOWN") {
        // A command with subcommands is covered if one of its subcommands is.
        let prefix = format!("{name}|");
        let mut parts = subcommands.iter().filter(|part| part.starts_with(&prefix)).peekable();
        let is_served = |name: &str| Ok::<_, anyhow::Error>(http::served(subject, name)?.good > 0);
        let is_good = match parts.peek() {
            Some(_) => parts
                .map(|part| is_served(part))
                .collect::<anyhow::Result<Vec<_>>>()?
                .contains(&true),
            None => is_served(&name)?,
        };
        ensure!(is_good, "{name} was never served well");
    }
    Ok(())
}

/// Returns the names in `COMMAND LIST` without subcommands, in upper case.
pub(crate) fn names(client: &mut Client) -> anyhow::Result<BTreeSet<String>> {
    let names = all_names(client)?.into_iter();
    Ok(names.filter(|name| !name.contains('|')).collect())
}

/// Returns the reply of `COMMAND LIST` in upper case.
fn all_names(client: &mut Client) -> anyhow::Result<BTreeSet<String>> {
    let names = reports::array(client.call(&["COMMAND", "LIST"])?)?;
    names.into_iter().map(|name| Ok(reports::text(name)?.to_uppercase())).collect()
}
