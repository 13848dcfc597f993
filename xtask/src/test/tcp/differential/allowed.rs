//! The list of intended differences, one per line: `request | Redis' reply | the image's reply | reason`.
//!
//! `…` stands for any text. Each line must match at least one difference in a run of all cases, so the list
//! cannot contain obsolete lines.

use std::path::Path;

use anyhow::{Context, ensure};

use super::super::conversation::text_matches;

/// Maximum number of lines in the list.
const LINES_MAX: usize = 60;

/// One line of the list of intended differences.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AllowedDifference {
    request: String,
    redis: String,
    image: String,
    uses: usize,
}

/// The list of intended differences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AllowedDifferences(Vec<AllowedDifference>);

impl AllowedDifferences {
    /// Loads the list.
    ///
    /// # Errors
    /// The list is too long, or a line has no reason.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let parts: Vec<_> = line.split(" | ").map(str::trim).collect();
            let [request, redis, image, reason] = parts[..] else {
                anyhow::bail!("not `request | redis | image | reason`: {line}");
            };
            ensure!(reason.contains(' '), "no reason: {line}");
            ensure!(request != "…", "any request is too wide: {line}");
            let [request, redis, image] = [request, redis, image].map(str::to_owned);
            lines.push(AllowedDifference { request, redis, image, uses: 0 });
        }
        ensure!(lines.len() <= LINES_MAX, "{} lines, at most {LINES_MAX}", lines.len());
        Ok(Self(lines))
    }

    /// Returns whether a difference is intended. Records that its line is in use.
    pub(super) fn takes(&mut self, request: &str, redis: &str, image: &str) -> bool {
        let line = self.0.iter_mut().find(|line| {
            text_matches(&line.request, request)
                && text_matches(&line.redis, redis)
                && text_matches(&line.image, image)
        });
        line.map(|line| line.uses += 1).is_some()
    }

    /// Returns the requests of the lines that have matched no difference.
    pub(super) fn unused(&self) -> Vec<&str> {
        self.0.iter().filter(|line| line.uses == 0).map(|line| line.request.as_str()).collect()
    }

    /// Returns the number of lines.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_differences_are_allowed() {
        let text =
            "# why\nSELECT … | +OK\\r\\n | -ERR …\\r\\n | one database only\nA | b | c | d e\n";
        let mut allowed = AllowedDifferences::parse(text).unwrap();
        assert!(allowed.takes("SELECT 1", "+OK\\r\\n", "-ERR no\\r\\n"));
        assert!(!allowed.takes("SELECT 1", "-ERR\\r\\n", "-ERR no\\r\\n"));
        assert!(!allowed.takes("SET 1", "+OK\\r\\n", "-ERR no\\r\\n"));
        assert_eq!(allowed.unused(), ["A"]);
    }

    #[test]
    fn a_line_needs_a_reason_and_the_list_an_end() {
        assert!(AllowedDifferences::parse("a | b | c\n").is_err());
        assert!(AllowedDifferences::parse("a | b | c | \n").is_err());
        assert!(AllowedDifferences::parse("… | b | c | for no reason\n").is_err());
        assert!(AllowedDifferences::parse(&"a | b | c | for a reason\n".repeat(61)).is_err());
    }
}
