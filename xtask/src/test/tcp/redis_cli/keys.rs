//! Tests `redis-cli` on many keys, with `--pipe`, `--scan`, `--bigkeys` and `--memkeys`.

use std::collections::BTreeSet;
use std::process::Output;

use anyhow::ensure;

use super::command::{LIMIT, redis_cli};
use crate::process;
use crate::resp::encode;
use crate::test::reports;
use crate::test::tcp::subject::Subject;

const KEYS: usize = 10_000;
/// Length of the longest value. It exceeds all other values, and the longest piece of a reply.
const BIG_BYTES: usize = 100_000;

/// Sets many keys in one command, and then counts, lists and measures them.
pub(crate) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut requests = Vec::new();
    for number in 0..KEYS {
        requests.extend(encode(&["SET", &format!("key:{number}"), &format!("value {number}")]));
    }
    let mut command = redis_cli(subject)?;
    let text = good(process::feed_within(command.arg("--pipe"), requests, LIMIT)?)?;
    ensure!(text.ends_with(&format!("errors: 0, replies: {KEYS}\n")), "--pipe says {text}");
    // redis-cli counts an error, and continues with the other commands.
    let long = "k".repeat(600);
    let requests = [encode(&["SET", "big", &"x".repeat(BIG_BYTES)]), encode(&["SET", &long, "x"])];
    let mut command = redis_cli(subject)?;
    let output = process::feed_within(command.arg("--pipe"), requests.concat(), LIMIT)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(text.ends_with("errors: 1, replies: 2\n"), "--pipe says {text}");
    let said = [&output.stdout[..], &output.stderr].concat();
    ensure!(
        String::from_utf8_lossy(&said).contains("ERR a key of 600 bytes"),
        "--pipe hides the error"
    );

    let all: BTreeSet<_> = ask(subject, &["--scan"])?.lines().map(str::to_owned).collect();
    let expected = (0..KEYS).map(|number| format!("key:{number}")).chain(["big".to_owned()]);
    ensure!(all == expected.collect(), "--scan finds {} keys", all.len());
    let some = ask(subject, &["--scan", "--pattern", "key:99?[05]"])?;
    let mut some: Vec<_> = some.lines().collect();
    some.sort_unstable();
    let mut expected: Vec<_> =
        (9900..10_000).step_by(5).map(|number| format!("key:{number}")).collect();
    expected.sort_unstable();
    ensure!(some == expected, "--scan --pattern finds {some:?}");

    let sampled = format!("Sampled {} keys in the keyspace!", KEYS + 1);
    let text = ask(subject, &["--bigkeys"])?;
    let biggest = format!("Biggest string found '\"big\"' has {BIG_BYTES} bytes");
    ensure!(text.contains(&sampled) && text.contains(&biggest), "--bigkeys says {text}");
    ensure!(text.contains("0 hashs with 0 fields"), "--bigkeys says {text}");
    let usage = reports::integer(subject.connect()?.call(&["MEMORY", "USAGE", "big"])?)?;
    let text = ask(subject, &["--memkeys"])?;
    let biggest = format!("Biggest string found '\"big\"' has {usage} bytes");
    ensure!(text.contains(&sampled) && text.contains(&biggest), "--memkeys says {text}");
    Ok(())
}

fn ask(subject: &Subject, options: &[&str]) -> anyhow::Result<String> {
    good(process::capture_within(redis_cli(subject)?.args(options), LIMIT)?)
}

/// Returns the output of the program, if the program reported no errors.
fn good(output: Output) -> anyhow::Result<String> {
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && error.is_empty(), "{}: {error}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
