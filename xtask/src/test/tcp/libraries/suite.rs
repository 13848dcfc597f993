//! Runs redis-py's own tests unchanged. Tests that pass on Redis must pass on the image.
//!
//! The tests first run on Debian's Redis, where the commands of each test are recorded. A test is chosen if
//! it passes on Redis, has sent commands, and the image supports all of these commands.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::context::LibraryContext;
use super::install;
use crate::linux;
use crate::process;
use crate::redis::Redis;
use crate::resp::{Client, Reply};
use crate::test::tally::Skip;

/// The files of the suite about commands, connections, pools, pipelines and retries.
const FILES: &[&str] = &[
    "tests/test_commands.py",
    "tests/test_pipeline.py",
    "tests/test_connection.py",
    "tests/test_connection_pool.py",
    "tests/test_encoding.py",
    "tests/test_retry.py",
    "tests/test_client.py",
    "tests/test_asyncio/test_commands.py",
    "tests/test_asyncio/test_pipeline.py",
    "tests/test_asyncio/test_connection.py",
    "tests/test_asyncio/test_connection_pool.py",
    "tests/test_asyncio/test_encoding.py",
    "tests/test_asyncio/test_retry.py",
];
/// Excludes tests that need servers that are not available.
const MARKS: &str = "not onlycluster and not redismod and not ssl and not cp_integration";
/// Minimum number of chosen tests. A smaller number shows that the choice has failed.
const CHOSEN_MIN: usize = 400;
/// Maximum number of tests that may fail. Each is listed with the reason.
const KNOWN_MAX: usize = 10;
/// Maximum time of a run of the suite.
const LIMIT: Duration = Duration::from_secs(600);

/// A test with its result and its commands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    outcome: String,
    commands: Vec<String>,
}

type Records = BTreeMap<String, Record>;

/// Runs the suite on both servers.
pub(super) fn run(context: &LibraryContext<'_>) -> anyhow::Result<()> {
    let known = known(&std::fs::read_to_string(context.file("suite/known"))?)?;
    let server = linux::redis_server().map_err(|_| Skip("redis-server is not installed"))?;
    let suite = Suite {
        python: install::python(context)?,
        sources: install::redis_py_sources(context)?,
        context,
    };
    let redis = Redis::start(context.workspace, "test-redis", &server, &[])?;
    let files = FILES.iter().map(|&file| file.to_owned()).collect::<Vec<_>>();
    let right = suite.run("redis", redis.address(), &files, true)?;
    let mut image = Commands::ask(context.subject.connect()?)?;
    let mut chosen = Vec::new();
    for (id, record) in right.iter().filter(|(_, record)| record.outcome == "passed") {
        if !record.commands.is_empty() && image.have_all(&record.commands)? {
            chosen.push(id.clone());
        }
    }
    let passed = right.values().filter(|record| record.outcome == "passed").count();
    let what = format!("{passed} tests pass on Redis, {} of commands that exist", chosen.len());
    process::announce("", &what);
    ensure!(chosen.len() >= CHOSEN_MIN, "{what}: at least {CHOSEN_MIN} are required");
    let found = suite.run("image", context.subject.address(), &chosen, false)?;
    judge(&chosen, &found, &known)
}

/// Checks that each chosen test passes or is listed, and that each listed test fails.
fn judge(chosen: &[String], found: &Records, known: &BTreeSet<String>) -> anyhow::Result<()> {
    let passes = |id: &String| found.get(id).is_some_and(|record| record.outcome == "passed");
    // `[…]` in the name of a test is a parameter. The tests with all parameters count as one.
    let test = |id: &String| id.split('[').next().unwrap_or_default().to_owned();
    let failed: BTreeSet<_> = chosen.iter().filter(|id| !passes(id)).map(test).collect();
    let surprises: Vec<_> = failed.difference(known).map(String::as_str).collect();
    ensure!(
        surprises.is_empty(),
        "{} of {} tests that pass on Redis:\n{}",
        surprises.len(),
        chosen.len(),
        surprises.join("\n")
    );
    let stale: Vec<_> = known.difference(&failed).map(String::as_str).collect();
    ensure!(stale.is_empty(), "listed, but they pass or are not chosen: {}", stale.join(", "));
    Ok(())
}

/// Parses lines of the form `test | reason`.
fn known(text: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut known = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (id, reason) = line.split_once(" | ").with_context(|| format!("no reason: {line}"))?;
        ensure!(reason.contains(' '), "no reason: {line}");
        known.insert(id.to_owned());
    }
    ensure!(known.len() <= KNOWN_MAX, "{} lines, at most {KNOWN_MAX}", known.len());
    Ok(known)
}

/// The installed test suite.
struct Suite<'a> {
    python: PathBuf,
    sources: PathBuf,
    context: &'a LibraryContext<'a>,
}

impl Suite<'_> {
    /// Runs tests against a server. Returns the records that a plugin has written.
    fn run(
        &self,
        name: &str,
        address: SocketAddr,
        tests: &[String],
        counts: bool,
    ) -> anyhow::Result<Records> {
        let folder = self.context.target("suite");
        std::fs::create_dir_all(&folder)?;
        let (list, notes) =
            (folder.join(format!("{name}.tests")), folder.join(format!("{name}.json")));
        std::fs::write(&list, tests.join("\n"))?;
        // Before the first run the file does not exist.
        let _ = std::fs::remove_file(&notes);
        let port = address.port().to_string();
        let mut command = Command::new(&self.python);
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "record", "-m", MARKS]);
        command.arg(format!("--redis-url=redis://127.0.0.1:{port}/0"));
        command.arg(format!("@{}", list.display())).current_dir(&self.sources);
        command.env("PYTHONPATH", self.context.file("suite")).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("RECORD_FILE", &notes);
        if counts {
            command.env("RECORD_PORT", port);
        }
        let output = process::capture_within(&mut command, LIMIT)?;
        std::fs::write(folder.join(format!("{name}.log")), &output.stdout)?;
        // Code 1 means that tests failed. Any other code except 0 means that the run was incomplete.
        if !matches!(output.status.code(), Some(0 | 1)) {
            let text = String::from_utf8_lossy(&output.stdout);
            let tail: Vec<_> = text.lines().rev().take(20).collect();
            let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
            bail!("pytest: {}\n{tail}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        read(&notes)
    }
}

fn read(path: &Path) -> anyhow::Result<Records> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines().map(|line| record(line).with_context(|| line.to_owned())).collect()
}

fn record(line: &str) -> anyhow::Result<(String, Record)> {
    let value: Value = serde_json::from_str(line)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let outcome = text(&value["outcome"]).context("no outcome")?;
    let commands = value["commands"].as_array().context("no commands")?;
    let commands = commands.iter().filter_map(text).collect();
    Ok((text(&value["id"]).context("no id")?, Record { outcome, commands }))
}

/// The commands that the image supports.
struct Commands {
    client: Client,
    known: BTreeMap<String, bool>,
}

impl Commands {
    fn ask(mut client: Client) -> anyhow::Result<Self> {
        let Reply::Array(Some(names)) = client.call(&["COMMAND", "LIST"])? else {
            bail!("COMMAND LIST is not an array");
        };
        let name = |reply: Reply| match reply {
            Reply::Bulk(Some(name)) => Some(String::from_utf8_lossy(&name).to_lowercase()),
            _ => None,
        };
        let known = names.into_iter().filter_map(name).map(|name| (name, true)).collect();
        Ok(Self { client, known })
    }

    fn have_all(&mut self, commands: &[String]) -> anyhow::Result<bool> {
        for command in commands {
            if !self.has(command)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether the image supports a command. Looks up commands in the list, and tries subcommands
    /// such as `client|list`.
    fn has(&mut self, command: &str) -> anyhow::Result<bool> {
        if let Some(&known) = self.known.get(command) {
            return Ok(known);
        }
        let has = match command.split_once('|') {
            Some((container, part)) if self.known.contains_key(container) => {
                // Too many words make an existing subcommand reply with an error about their number.
                let reply = self.client.call(&[container, part, "a", "b", "c", "d", "e", "f"])?;
                !matches!(reply, Reply::Error(text) if text.contains("unknown subcommand"))
            }
            _ => false,
        };
        self.known.insert(command.to_owned(), has);
        Ok(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let (id, found) =
            record(r#"{"id": "t::a", "outcome": "passed", "commands": ["get", "client|id"]}"#)
                .unwrap();
        assert_eq!((id.as_str(), found.outcome.as_str()), ("t::a", "passed"));
        assert_eq!(found.commands, ["get", "client|id"]);
        assert!(record("{}").is_err());
    }

    #[test]
    fn a_list_has_reasons_and_an_end() {
        assert_eq!(known("# why\nt::a | one database only\n").unwrap().len(), 1);
        assert!(known("t::a\n").is_err());
        let many: String = (0..11).map(|n| format!("t::{n} | one database only\n")).collect();
        assert!(known(&many).is_err());
    }

    #[test]
    fn a_test_that_fails_or_is_missing_is_found() {
        let chosen = ["a", "b", "c"].map(str::to_owned);
        let record = |outcome: &str| Record { outcome: outcome.to_owned(), commands: Vec::new() };
        let mut found: Records = chosen.iter().map(|id| (id.clone(), record("passed"))).collect();
        let none = BTreeSet::new();
        judge(&chosen, &found, &none).unwrap();
        found.insert("b".to_owned(), record("failed"));
        assert!(judge(&chosen, &found, &none).is_err());
        judge(&chosen, &found, &BTreeSet::from(["b".to_owned()])).unwrap();
        assert!(judge(&chosen, &found, &BTreeSet::from(["b".to_owned(), "a".to_owned()])).is_err());
        found.remove("c");
        assert!(judge(&chosen, &found, &BTreeSet::from(["b".to_owned()])).is_err());
    }
}
