//! How two replies are compared that contain something volatile. Without a rule each byte counts.
//!
//! | rule | difference that is allowed |
//! |---|---|
//! | `near N` | an integer, by at most N |
//! | `positive` | an integer, if both are above 0 |
//! | `digits` | the digits of each number in the text; structure and other text are equal |
//! | `sorted` | the order of the items of arrays and maps |
//! | `except a b` | the values behind these names, in a map or in an array of names and values |
//! | `fields a b` | the values of `a=…` and `b=…` in a text |
//! | `info a b` | all lines of INFO except those of these fields, which are equal |
//! | `names a b` | as `info`, but only the presence and the order of the fields are compared |

use anyhow::{Context, bail, ensure};

use super::frame::Frame;

/// A rule for the comparison of two replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Exact,
    Near(i64),
    Positive,
    Digits,
    Sorted,
    Except(Vec<String>),
    Fields(Vec<String>),
    Info(Vec<String>),
    Names(Vec<String>),
}

impl Rule {
    /// Parses a rule.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut words = text.split(' ').map(str::to_owned);
        let name = words.next().context("an empty rule")?;
        let words: Vec<_> = words.collect();
        let takes_names = matches!(name.as_str(), "except" | "fields" | "info" | "names");
        ensure!(takes_names != words.is_empty() || name == "near", "the rule {text:?}");
        Ok(match name.as_str() {
            "near" => Self::Near(words.concat().parse().context("near N")?),
            "positive" => Self::Positive,
            "digits" => Self::Digits,
            "sorted" => Self::Sorted,
            "except" => Self::Except(words),
            "fields" => Self::Fields(words),
            "info" => Self::Info(words),
            "names" => Self::Names(words),
            _ => bail!("no rule {name:?}"),
        })
    }

    /// Returns whether two complete replies are equal under this rule.
    pub(super) fn alike(&self, one: &Frame, other: &Frame) -> bool {
        match self {
            Self::Exact => one == other,
            Self::Near(distance) => match (integer(one), integer(other)) {
                (Some(one), Some(other)) => one.abs_diff(other) <= distance.unsigned_abs(),
                _ => false,
            },
            Self::Positive => {
                [one, other].iter().all(|frame| integer(frame).is_some_and(|n| n > 0))
            }
            _ => self.masked(one) == self.masked(other),
        }
    }

    /// Returns the reply without the parts that the rule ignores.
    pub(super) fn masked(&self, frame: &Frame) -> Frame {
        let mut frame = frame.clone();
        match self {
            Self::Exact | Self::Near(_) | Self::Positive => {}
            Self::Digits => each_text(&mut frame, &|text| mask_digits(text)),
            Self::Sorted => sort(&mut frame),
            Self::Except(names) => mask_values(&mut frame, names),
            Self::Fields(names) => each_text(&mut frame, &|text| mask_fields(text, names)),
            Self::Info(names) => each_text(&mut frame, &|text| keep_lines(text, names, true)),
            Self::Names(names) => each_text(&mut frame, &|text| keep_lines(text, names, false)),
        }
        frame
    }
}

fn integer(frame: &Frame) -> Option<i64> {
    (frame.kind == b':').then(|| frame.number()).flatten()
}

fn each_text(frame: &mut Frame, change: &impl Fn(&str) -> String) {
    // Errors are compared without changes.
    if let Some(text) = &mut frame.text
        && frame.kind != b'-'
    {
        *text = change(&String::from_utf8_lossy(text)).into_bytes();
    }
    frame.items.iter_mut().for_each(|item| each_text(item, change));
}

/// Replaces each sequence of digits by one `#`.
fn mask_digits(text: &str) -> String {
    let mut masked = String::new();
    for c in text.chars() {
        if !c.is_ascii_digit() {
            masked.push(c);
        } else if !masked.ends_with('#') {
            masked.push('#');
        }
    }
    masked
}

fn sort(frame: &mut Frame) {
    frame.items.iter_mut().for_each(sort);
    match frame.kind {
        b'*' => frame.items.sort(),
        // A map has alternating names and values.
        b'%' => {
            let mut pairs: Vec<_> = frame.items.chunks(2).map(<[_]>::to_vec).collect();
            pairs.sort();
            frame.items = pairs.concat();
        }
        _ => {}
    }
}

fn mask_values(frame: &mut Frame, names: &[String]) {
    let is_named = |frame: &Frame| {
        frame.text.as_deref().is_some_and(|text| names.iter().any(|name| name.as_bytes() == text))
    };
    for index in 1..frame.items.len() {
        if is_named(&frame.items[index - 1]) {
            frame.items[index].text = Some(b"#".to_vec());
            frame.items[index].items.clear();
        }
    }
    frame.items.iter_mut().for_each(|item| mask_values(item, names));
}

fn mask_fields(text: &str, names: &[String]) -> String {
    let mask = |word: &str| match word.split_once('=') {
        Some((name, value)) if names.iter().any(|known| known == name) => {
            let end = if value.ends_with('\n') { "\n" } else { "" };
            format!("{name}=#{end}")
        }
        _ => word.to_owned(),
    };
    text.split_inclusive('\n')
        .map(|line| line.split(' ').map(mask).collect::<Vec<_>>().join(" "))
        .collect()
}

fn keep_lines(text: &str, names: &[String], with_values: bool) -> String {
    let mut kept = String::new();
    for line in text.split("\r\n") {
        let name = line.split(':').next().unwrap_or_default();
        if names.iter().any(|known| known == name) {
            kept.push_str(if with_values { line } else { name });
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(rule: &str, one: &str, other: &str) -> bool {
        let read = |text: &str| Frame::read(text.as_bytes()).unwrap().unwrap().0;
        Rule::parse(rule).unwrap().alike(&read(one), &read(other))
    }

    #[test]
    fn rules_are_narrow() {
        assert!(alike("near 2", ":100\r\n", ":98\r\n") && !alike("near 2", ":100\r\n", ":97\r\n"));
        assert!(!alike("near 2", ":-1\r\n", "+1\r\n"));
        assert!(alike("positive", ":1\r\n", ":9\r\n") && !alike("positive", ":1\r\n", ":0\r\n"));
        assert!(alike("digits", "$3\r\na12\r\n", "$2\r\na7\r\n"));
        assert!(!alike("digits", "$3\r\na12\r\n", "+a12\r\n"));
        assert!(!alike("digits", "-ERR 1\r\n", "-ERR 2\r\n"));
        assert!(alike("sorted", "*2\r\n:1\r\n:2\r\n", "*2\r\n:2\r\n:1\r\n"));
        assert!(!alike("sorted", "*2\r\n:1\r\n:2\r\n", "*2\r\n:2\r\n:2\r\n"));
        let map = "%2\r\n+b\r\n:1\r\n+a\r\n:2\r\n";
        assert!(alike("sorted", map, "%2\r\n+a\r\n:2\r\n+b\r\n:1\r\n"));
        assert!(!alike("sorted", map, "%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n"));
        assert!(alike("except id", "%1\r\n+id\r\n:1\r\n", "%1\r\n+id\r\n:2\r\n"));
        assert!(!alike("except id", "%1\r\n+id\r\n:1\r\n", "%1\r\n+id\r\n+2\r\n"));
        assert!(alike("fields id", "$9\r\nid=1 a=2\n\r\n", "$9\r\nid=5 a=2\n\r\n"));
        assert!(!alike("fields id", "$9\r\nid=1 a=2\n\r\n", "$9\r\nid=5 a=3\n\r\n"));
        assert!(alike("fields a", "$9\r\nid=1 a=2\n\r\n", "$9\r\nid=1 a=3\n\r\n"));
    }

    #[test]
    fn lines_of_info_are_chosen() {
        let (one, other) = ("$10\r\na:1\r\nb:2\r\n\r\n", "$10\r\na:1\r\nb:3\r\n\r\n");
        assert!(alike("info a", one, other) && !alike("info a b", one, other));
        assert!(alike("names a b", one, other));
        assert!(!alike("names a b", one, "$5\r\na:1\r\n\r\n"));
    }

    #[test]
    fn an_unknown_rule_is_refused() {
        for text in ["", "near", "near x", "digits 3", "fields", "no"] {
            assert!(Rule::parse(text).is_err(), "{text:?}");
        }
    }
}
