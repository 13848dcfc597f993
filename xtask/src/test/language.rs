//! The lint of the language: comments, documents, strings and names must be plain technical English.
//!
//! Every sentence must have a named subject, words without a referent must be rare, and words that the
//! glossary replaces must not occur. Code spans and code blocks are not checked.

mod blank;
mod counts;
mod glossary;
mod lexer;
mod prose;
mod sentence;

use std::collections::BTreeMap;

use anyhow::ensure;

use super::files::{self, TextFile};
use crate::workspace::Workspace;

use counts::{Counts, Measure};

/// The folders whose counts are checked separately. All other files count as documents.
const FOLDERS: [&str; 4] = ["app", "runtime-config", "vmalloc", "xtask"];
const DOCUMENTS: &str = "docs";

/// The sources of this lint. Their strings are not checked, because they are examples of wrong sentences.
const OWN: &str = "xtask/src/test/language";

/// Checks all Rust and Markdown files of the workspace.
///
/// # Errors
/// A count of a folder exceeds its limit.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let mut folders: BTreeMap<&str, Counts> = BTreeMap::new();
    for TextFile { path: file, text } in files::read(workspace, &["md", "rs"])? {
        let top = FOLDERS.into_iter().find(|top| file.starts_with(&format!("{top}/")));
        let folder = top.unwrap_or(DOCUMENTS);
        let counts = folders.entry(folder).or_default();
        if file.ends_with(".rs") {
            counts.add_rust(folder, &file, &text, !file.starts_with(OWN));
        } else {
            counts.add_markdown(folder, &file, &text);
        }
    }
    ensure!(folders.len() > FOLDERS.len(), "files were found in {} folders only", folders.len());
    let messages: Vec<_> =
        folders.iter().flat_map(|(folder, counts)| judge(folder, counts)).collect();
    ensure!(messages.is_empty(), "{}", messages.join("\n    "));
    Ok(())
}

/// Returns the messages about the counts of one folder.
fn judge(folder: &str, counts: &Counts) -> Vec<String> {
    let message = |measure: Measure| {
        let (limit, count) = (measure.limit(), counts.count(measure));
        let places = || counts.places(measure).join("\n        ");
        (count > limit)
            .then(|| format!("{folder}: {count} {measure}, at most {limit}\n        {}", places()))
    };
    Measure::ALL.into_iter().filter_map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Counts {
        let mut counts = Counts::default();
        counts.add_rust("app", "f.rs", text, true);
        counts
    }

    const BAD: &str =
        "// Regions wait.\n// What is freed waits.\nfn errand() { f(\"Nobody is here\"); }";

    #[test]
    fn comments_strings_and_identifiers_are_counted() {
        let counts = counts(BAD);
        let places = ["f.rs:2: What is freed waits.", "f.rs:3: Nobody is here"];
        assert_eq!(counts.places(Measure::Subjects), places);
        assert_eq!(counts.count(Measure::Glossary), 1);
        assert_eq!(counts.count(Measure::Vague), 0);
    }

    #[test]
    fn a_count_over_its_limit_is_reported_with_its_places() {
        let messages = judge("app", &counts(BAD));
        assert_eq!(messages.len(), 2);
        assert!(messages[0].contains("2 sentences") && messages[0].contains("f.rs:2: What"));
        assert!(judge("app", &counts("// Regions wait.")).is_empty());
    }

    #[test]
    fn vague_words_have_a_rate() {
        let text = format!("// none {}", "word ".repeat(1_000));
        assert!(judge("app", &counts(&text)).is_empty());
        let text = format!("// none, nothing {}", "word ".repeat(1_000));
        assert_eq!(judge("app", &counts(&text)).len(), 1);
    }
}
