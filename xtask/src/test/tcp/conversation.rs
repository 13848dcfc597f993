//! Runs the README's conversation, line by line.
//!
//! The conversation is a fenced block marked `conversation`. A line `> COMMAND` is sent on the open
//! connection. The lines up to the next command are its reply in the format of redis-cli. `$ redis-cli …`
//! opens a new connection, and sends the command that follows the options, if any. `…` stands for any text
//! within a line. A line that contains only `…` stands for any lines.

use anyhow::{Context, bail, ensure};

use super::subject::Subject;
use super::words::split;
use crate::resp::Client;

/// A command of the conversation and the expected lines of its reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ConversationStep {
    /// The line of the conversation, unchanged.
    pub(super) line: String,
    /// The words of the command, empty if the line only opens a connection.
    pub(super) words: Vec<Vec<u8>>,
    fresh: bool,
    raw: bool,
    expected: Vec<String>,
}

/// Runs the conversation against a newly booted image.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let readme = std::fs::read_to_string(subject.file("README.md")).context("README.md")?;
    let steps = parse(block(&readme)?)?;
    ensure!(steps.iter().any(|step| !step.words.is_empty()), "no command in the conversation");
    let mut client = subject.connect()?;
    for step in &steps {
        if step.fresh {
            client = subject.connect()?;
        }
        if !step.words.is_empty() {
            compare(step, &answer(&mut client, step)?)?;
        }
    }
    Ok(())
}

fn answer(client: &mut Client, step: &ConversationStep) -> anyhow::Result<Vec<String>> {
    let reply = client.call(&step.words).with_context(|| step.line.clone())?;
    let text = if step.raw {
        String::from_utf8_lossy(&reply.raw()).trim_end().to_owned()
    } else {
        reply.terminal()
    };
    Ok(text.lines().map(str::to_owned).collect())
}

/// Compares the actual lines of a reply with the expected ones.
pub(super) fn compare(step: &ConversationStep, actual: &[String]) -> anyhow::Result<()> {
    if lines_match(&step.expected, actual) {
        return Ok(());
    }
    bail!("{}\nexpected:\n{}\nactual:\n{}", step.line, step.expected.join("\n"), actual.join("\n"))
}

fn block(readme: &str) -> anyhow::Result<&str> {
    let start = readme.find("\n```conversation\n").context("README.md has no conversation")?;
    let text = &readme[start + "\n```conversation\n".len()..];
    Ok(&text[..text.find("\n```").context("the conversation has no end")?])
}

/// Parses a conversation into its steps.
pub(super) fn parse(block: &str) -> anyhow::Result<Vec<ConversationStep>> {
    let mut steps: Vec<ConversationStep> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("> ") {
            let words = split(command).with_context(|| line.to_owned())?;
            steps.push(ConversationStep {
                line: line.to_owned(),
                words,
                ..ConversationStep::default()
            });
        } else if let Some(shell) = line.strip_prefix("$ ") {
            steps.push(shell_step(line, shell)?);
        } else {
            let step = steps.last_mut().with_context(|| format!("no command before {line:?}"))?;
            step.expected.push(line.trim_end().to_owned());
        }
    }
    Ok(steps)
}

/// Parses a line such as `redis-cli -p 7379 --raw VMALLOCINFO`.
fn shell_step(line: &str, shell: &str) -> anyhow::Result<ConversationStep> {
    let mut words = split(shell)?.into_iter();
    ensure!(words.next().as_deref() == Some(b"redis-cli"), "not a redis-cli: {line}");
    let mut step =
        ConversationStep { line: line.to_owned(), fresh: true, ..ConversationStep::default() };
    while let Some(word) = words.next() {
        match word.as_slice() {
            b"-p" => drop(words.next()),
            b"--raw" => step.raw = true,
            _ => {
                step.words.push(word);
                step.words.extend(words.by_ref());
            }
        }
    }
    Ok(step)
}

/// Returns whether the lines match. An expected line `…` stands for any number of lines.
fn lines_match(expected: &[String], actual: &[String]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=actual.len()).any(|skipped| lines_match(rest, &actual[skipped..]))
        }
        Some((first, rest)) => actual
            .split_first()
            .is_some_and(|(line, after)| text_matches(first, line) && lines_match(rest, after)),
    }
}

/// Returns whether the text matches. `…` in `expected` stands for any text.
pub(super) fn text_matches(expected: &str, actual: &str) -> bool {
    match expected.split_once('…') {
        None => expected == actual,
        Some((before, after)) => actual.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(index, _)| index)
                .chain([rest.len()])
                .any(|index| text_matches(after, &rest[index..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn wildcards_match_within_a_line() {
        assert!(text_matches("OK areas=0 …us=…", "OK areas=0 lazy=3 us=412"));
        assert!(text_matches("…", ""));
        assert!(!text_matches("OK …", "NO OK 1"));
        assert!(!text_matches("a…b", "ab c"));
        assert!(text_matches("plain", "plain") && !text_matches("plain", "plain "));
    }

    #[test]
    fn a_lone_wildcard_matches_lines() {
        let expected = strings(&["a", "…", "c"]);
        assert!(lines_match(&expected, &strings(&["a", "c"])));
        assert!(lines_match(&expected, &strings(&["a", "b", "b", "c"])));
        assert!(!lines_match(&expected, &strings(&["a", "b"])));
        assert!(!lines_match(&strings(&["a"]), &strings(&["a", "b"])));
    }

    #[test]
    fn the_block_is_found_and_parsed() {
        let readme = "# x\n```conversation\n$ redis-cli -p 7379\n> VFREE @a\n(integer) 1\n\
                      $ redis-cli -p 7379 --raw VMALLOCINFO\n0x…\n…\n```\nmore\n";
        let steps = parse(block(readme).unwrap()).unwrap();
        assert_eq!(steps.len(), 3);
        assert!(steps[0].fresh && steps[0].words.is_empty());
        assert_eq!(steps[1].expected, ["(integer) 1"]);
        assert!(steps[2].raw && steps[2].fresh);
        assert_eq!(steps[2].words, [b"VMALLOCINFO"]);
        assert_eq!(steps[2].expected, ["0x…", "…"]);
        assert!(block("no block").is_err());
    }
}
