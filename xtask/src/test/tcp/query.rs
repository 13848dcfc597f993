//! Compares `cargo xtask query` with `redis-cli`, on an image with a password.

use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use super::redis_cli;
use super::subject::Subject;
use crate::process;

/// Maximum time that one process of `cargo xtask query` or `redis-cli` may run. It is long enough for a busy host.
const LIMIT: Duration = Duration::from_secs(60);

/// Commands for standard input, one per line: with every kind of quote, an empty line, an error, and a line
/// that is not a command.
const LINES: &str = "VZALLOC 10000 NAME lines\n\n  ECHO  \"a b\\x41\\n\"\nECHO 'it\\'s'\nNOSUCH a\n\
                     VREAD @lines 0 4\nECHO \"open\nCONFIG GET save\nVFREE @lines\nquit\nECHO never\n";

/// Tests the password as an option and in the environment, RESP3, commands from standard input, and exit
/// codes.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let code = |arguments: &[&str]| anyhow::Ok(output(subject, arguments, "")?.0);
    ensure!(code(&["ECHO", "a"])? == 1, "served without a password");
    ensure!(code(&["--password", "wrong", "PING"])? == 1, "a wrong password is accepted");
    let good = ["--password", redis_cli::PASSWORD];
    let (code, text) = output(subject, &[&good[..], &["ECHO", "a"]].concat(), "")?;
    ensure!((code, text.as_str()) == (0, "\"a\"\n"), "{code} {text:?}");
    let (code, text) = output(subject, &[], "PING\n")?;
    ensure!((code, text.as_str()) == (0, "PONG\n"), "$REDISCLI_AUTH: {code} {text:?}");
    for command in [&["HELLO", "3"][..], &["CONFIG", "GET", "v*"], &["GET", "nosuch"]] {
        let (_, ours) = output(subject, &[&good[..], &["-3"], command].concat(), "")?;
        let theirs = their_output(subject, &[&["-3"], command].concat(), "")?;
        // The numbers of the two connections differ, so they are removed.
        ensure!(without_id(&ours) == without_id(&theirs), "{command:?}: {ours:?} and {theirs:?}");
    }
    let (code, ours) = output(subject, &good, LINES)?;
    ensure!(code == 1, "an error in a line ends with {code}");
    let theirs = their_output(subject, &[], LINES)?;
    let lines = |text: &str| {
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let is_address = |line: &String| line.contains("0xffff");
    let (ours, theirs) = (lines(&ours), lines(&theirs));
    ensure!(ours.len() == theirs.len(), "{ours:?} and {theirs:?}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let is_new = is_address(ours) || ours.starts_with("1) (integer)");
        ensure!(is_new || ours == theirs, "{ours:?} and {theirs:?}");
    }
    Ok(())
}

fn without_id(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.contains("\"id\" =>")).collect()
}

/// Returns the exit code and the output of `query`. If there are no arguments, the environment contains the
/// password.
fn output(subject: &Subject, arguments: &[&str], input: &str) -> anyhow::Result<(i32, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["query", "--name", subject.name()]).args(arguments);
    match arguments.is_empty() {
        true => command.env("REDISCLI_AUTH", redis_cli::PASSWORD),
        false => command.env_remove("REDISCLI_AUTH"),
    };
    let output = process::feed_within(&mut command, input.into(), LIMIT)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.code().unwrap_or(-1), text))
}

fn their_output(subject: &Subject, arguments: &[&str], input: &str) -> anyhow::Result<String> {
    let mut command = redis_cli::command(subject)?;
    command.args(["--no-auth-warning", "-a", redis_cli::PASSWORD, "--no-raw"]).args(arguments);
    let output = process::feed_within(&mut command, input.into(), LIMIT)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
