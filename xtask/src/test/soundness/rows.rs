//! Reads the rows of the document.

use std::collections::BTreeSet;

use anyhow::ensure;

/// Minimum length of a reason in bytes.
const REASON_BYTES_MIN: usize = 12;

/// Returns the names in the rows, as `Section::name`.
///
/// # Errors
/// A name occurs twice, a row stands in no section, or a reason is missing.
pub(super) fn rows(text: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut section = "";
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = spans(heading).next().unwrap_or("");
            continue;
        }
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [first, reason] = cells[..] else { continue };
        if !line.starts_with('|') || !first.starts_with('`') {
            continue;
        }
        ensure!(!section.is_empty(), "a row stands in no section: {line}");
        ensure!(reason.len() >= REASON_BYTES_MIN, "a row has no reason: {line}");
        for name in spans(first) {
            let name = format!("{section}::{name}");
            ensure!(!names.contains(&name), "two rows for {name}");
            names.insert(name);
        }
    }
    Ok(names)
}

/// Returns the parts of a text that stand in backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_belong_to_the_section_above() {
        let text = "# `X`\n| `no` | row |\n## `A`\n\n| function | reason |\n|---|---|\n\
                    | `f` `impl Drop` | a long reason, see `g` |\n## no type\n";
        let text = text.replace("| `no` | row |\n", "");
        let found: Vec<_> = rows(&text).unwrap().into_iter().collect();
        assert_eq!(found, ["A::f", "A::impl Drop"]);
    }

    #[test]
    fn rows_without_a_section_or_a_reason_are_refused() {
        let fault = |text: &str| rows(text).unwrap_err().to_string();
        assert!(fault("| `f` | a long reason |").contains("no section"));
        assert!(fault("## `A`\n| `f` | short |").contains("no reason"));
        assert!(fault("## `A`\n| `f` `f` | a long reason |").contains("two rows"));
    }
}
