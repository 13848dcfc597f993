//! One line of a case.
//!
//! | line | meaning |
//! |---|---|
//! | `SET k "a b"` | a command as an array of bulk strings; its reply is read |
//! | `! SET k v` | an inline command: the rest of the line as it stands |
//! | `~ "*1\r\n…"` | raw bytes: the words of the line, joined |
//! | `+ …` | sent without waiting, as is all that follows on this connection |
//! | `2> …` | on the second connection; without it on the first |
//! | `[near 2] …` | the replies are compared by a rule, see `rule` |
//! | `@sleep 20` | a pause of 20 ms |

use std::time::Duration;

use anyhow::{Context, ensure};

use super::super::words;
use super::rule::Rule;
use crate::resp;

/// Maximum number of connections of a case.
const CONNECTIONS_MAX: usize = 9;

/// One step of a case.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CaseStep {
    /// The line without its marks.
    pub(super) text: String,
    /// The action of the step.
    pub(super) action: Action,
    /// The rule by which the replies are compared.
    pub(super) rule: Rule,
}

/// The actions of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Sends bytes on a connection, and waits for one reply if requested.
    Send { connection: usize, bytes: Vec<u8>, waits: bool },
    /// Pauses.
    Sleep(Duration),
}

impl CaseStep {
    /// Parses a line of a case.
    pub(super) fn parse(line: &str) -> anyhow::Result<Self> {
        if let Some(time) = line.strip_prefix("@sleep ") {
            let time = Duration::from_millis(time.parse().context("milliseconds")?);
            let (text, action) = (line.to_owned(), Action::Sleep(time));
            return Ok(Self { text, action, rule: Rule::Exact });
        }
        let (rule, rest) = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((rule, rest)) => (Rule::parse(rule)?, rest),
            None => (Rule::Exact, line),
        };
        let (connection, rest) = match rest.split_once("> ") {
            Some((number, rest)) if number.parse::<usize>().is_ok() => (number.parse()?, rest),
            _ => (1_usize, rest),
        };
        ensure!((1..=CONNECTIONS_MAX).contains(&connection), "connection {connection}");
        let (waits, rest) = match rest.strip_prefix("+ ") {
            Some(rest) => (false, rest),
            None => (true, rest),
        };
        let bytes = if let Some(inline) = rest.strip_prefix("! ") {
            format!("{inline}\r\n").into_bytes()
        } else if let Some(raw) = rest.strip_prefix("~ ") {
            words::split(raw)?.concat()
        } else {
            resp::encode(&words::split(rest)?)
        };
        let action = Action::Send { connection: connection - 1, bytes, waits };
        Ok(Self { text: rest.to_owned(), action, rule })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_in_their_order() {
        let step = CaseStep::parse("[near 2] 2> + TTL k").unwrap();
        assert_eq!((step.text.as_str(), &step.rule), ("TTL k", &Rule::Near(2)));
        let bytes = b"*2\r\n$3\r\nTTL\r\n$1\r\nk\r\n".to_vec();
        assert_eq!(step.action, Action::Send { connection: 1, bytes, waits: false });
        let Action::Send { bytes, .. } = CaseStep::parse(r#"~ "*1\r\n" "a"*3"#).unwrap().action
        else {
            panic!("no bytes");
        };
        assert_eq!(bytes, b"*1\r\naaa");
        let Action::Send { bytes, .. } = CaseStep::parse("! PING  'a'").unwrap().action else {
            panic!("no bytes");
        };
        assert_eq!(bytes, b"PING  'a'\r\n");
        let pause = Action::Sleep(Duration::from_millis(20));
        assert_eq!(CaseStep::parse("@sleep 20").unwrap().action, pause);
        assert!(CaseStep::parse("0> PING").is_err() && CaseStep::parse("[no] PING").is_err());
    }
}
