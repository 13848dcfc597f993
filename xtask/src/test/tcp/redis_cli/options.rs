//! Tests the options `-3`, `--json`, `-n`, `-a`, `-x`, `--latency` and `--stat` of `redis-cli`.

use anyhow::{Context, ensure};

use super::command::{LIMIT, PASSWORD, redis_cli};
use super::terminal::Terminal;
use crate::process;
use crate::resp::Reply;
use crate::test::tcp::subject::Subject;

/// Tests the effect of each option.
pub(crate) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    for name in ["a", "b", "c"] {
        client.call(&["SET", name, "value"])?;
    }
    // A map is shown as a map in RESP3, and as alternating names and values in RESP2.
    let text = ask(subject, &["-3", "--no-raw", "CONFIG", "GET", "appendonly"])?;
    ensure!(text == "1# \"appendonly\" => \"no\"\n", "-3 prints {text:?}");
    let text = ask(subject, &["-2", "--no-raw", "CONFIG", "GET", "appendonly"])?;
    ensure!(text == "1) \"appendonly\"\n2) \"no\"\n", "-2 prints {text:?}");
    let text = ask(subject, &["-3", "--no-raw", "GET", "none"])?;
    ensure!(text == "(nil)\n", "-3 prints {text:?}");
    let text = ask(subject, &["--json", "VQUOTA"])?;
    ensure!(text.starts_with("{\"regions\":0,\"regions_used\":0,"), "--json prints {text:?}");
    ensure!(ask(subject, &["-n", "0", "DBSIZE"])? == "3\n", "-n 0 does not see the keys");
    let output = process::capture_within(redis_cli(subject)?.args(["-n", "1", "PING"]), LIMIT)?;
    let said = String::from_utf8([output.stdout, output.stderr].concat())?;
    ensure!(said.contains("SELECT 1 failed: ERR DB index is out of range"), "-n 1 says {said:?}");
    // Every byte value occurs in the argument, which redis-cli reads from its input.
    let bytes: Vec<u8> = (0..=255).collect();
    let mut command = redis_cli(subject)?;
    let output = process::feed_within(command.args(["-x", "SET", "a"]), bytes.clone(), LIMIT)?;
    ensure!(output.stdout == b"OK\n", "-x prints {}", String::from_utf8_lossy(&output.stdout));
    ensure!(client.call(&["GET", "a"])? == Reply::Bulk(Some(bytes)), "-x has changed bytes");
    let text = ask(subject, &["--latency", "-i", "1"])?;
    let numbers: Vec<f64> = text.split_whitespace().flat_map(str::parse).collect();
    // The numbers are minimum, maximum, average and count.
    let [min, max, average, count] = numbers[..] else {
        anyhow::bail!("--latency prints {text:?}");
    };
    ensure!(min <= average && average <= max && count >= 1.0, "--latency prints {text:?}");
    stat(subject)
}

/// Reads two lines of `--stat`, and ends the program, which never ends by itself.
fn stat(subject: &Subject) -> anyhow::Result<()> {
    let mut command = redis_cli(subject)?;
    let mut screen = Terminal::start(command.args(["--stat", "-i", "0.1"]), LIMIT)?;
    screen.await_text("keys       mem      clients blocked requests            connections")?;
    screen.await_text("\n")?;
    let mut requests = 0;
    for _ in 0..2 {
        let line = screen.await_text("\n")?;
        let fields: Vec<_> = line.split_whitespace().collect();
        ensure!(
            matches!(fields[..], ["3", memory, "2", "0", ..] if memory.ends_with('M')),
            "{line}"
        );
        let count = fields.get(4).and_then(|count| count.parse::<u64>().ok());
        let count = count.with_context(|| format!("no requests in {line:?}"))?;
        ensure!(count > requests, "{line}");
        requests = count;
    }
    Ok(())
}

/// Runs commands with the right password, with a wrong password, and without a password.
pub(crate) fn password(subject: &Subject) -> anyhow::Result<()> {
    let text = ask(subject, &["-a", PASSWORD, "--no-auth-warning", "DBSIZE"])?;
    ensure!(text == "0\n", "-a prints {text:?}");
    let user = ["-3", "--user", "default", "--pass", PASSWORD, "--no-auth-warning", "DBSIZE"];
    let text = ask(subject, &user)?;
    ensure!(text == "0\n", "--user prints {text:?}");
    let warning = "Warning: Using a password with '-a' or '-u' option on the command line interface \
                   may not be safe.\n";
    for (options, expected) in [
        (&["DBSIZE"][..], "NOAUTH Authentication required.\n\n".to_owned()),
        (&["-a", PASSWORD, "DBSIZE"], format!("0\n{warning}")),
        (
            &["-a", "wrong", "DBSIZE"],
            format!(
                "NOAUTH Authentication required.\n\n{warning}AUTH failed: WRONGPASS invalid \
                 username-password pair or user is disabled.\n"
            ),
        ),
    ] {
        let output = process::capture_within(redis_cli(subject)?.args(options), LIMIT)?;
        let said = String::from_utf8([output.stdout, output.stderr].concat())?;
        ensure!(said == expected, "{options:?}: {said:?}");
    }
    Ok(())
}

fn ask(subject: &Subject, options: &[&str]) -> anyhow::Result<String> {
    let output = process::capture_within(redis_cli(subject)?.args(options), LIMIT)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && error.is_empty(), "{options:?}: {error}");
    Ok(String::from_utf8(output.stdout)?)
}
