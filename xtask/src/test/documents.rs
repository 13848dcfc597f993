//! The lint of the documents: links must lead to existing files and headings, and the README must be short.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, ensure};

use super::files;
use crate::workspace::Workspace;

/// Maximum number of words of the README.
const README_WORDS_MAX: usize = 1_200;

/// Checks all Markdown files.
///
/// # Errors
/// A link leads to no file or heading, or the README is too long.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let documents = files::read(workspace, &["md"])?;
    let text = |path: &Path| std::fs::read_to_string(workspace.path(path)).ok();
    let exists = |path: &Path| workspace.path(path).exists();
    let mut messages = Vec::new();
    for document in &documents {
        for (line, target) in links(&document.text) {
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(&document.path).parent().unwrap_or(Path::new(""));
            let file = match path {
                "" => PathBuf::from(&document.path),
                path => resolved(&folder.join(path)),
            };
            let leads_to_heading = || text(&file).is_some_and(|text| has_heading(&text, heading));
            if !exists(&file) || !heading.is_empty() && !leads_to_heading() {
                messages
                    .push(format!("{}:{line}: the link to {target} leads nowhere", document.path));
            }
        }
    }
    let readme = documents.iter().find(|document| document.path == "README.md");
    let words = readme.context("no README.md")?.text.split_whitespace().count();
    messages.extend(judge_length(words));
    ensure!(messages.is_empty(), "{}", messages.join("\n    "));
    Ok(())
}

fn judge_length(words: usize) -> Option<String> {
    (words > README_WORDS_MAX)
        .then(|| format!("README.md has {words} words, at most {README_WORDS_MAX} are allowed"))
}

/// Returns the targets of links to files and headings, each with its line number.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let mut links = Vec::new();
    for (index, line) in text.lines().enumerate() {
        is_code ^= line.trim_start().starts_with("```");
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let targets = targets.map(|(target, _)| target).filter(|target| !target.contains(':'));
        links.extend(targets.filter(|_| !is_code).map(|target| (index + 1, target)));
    }
    links
}

/// Returns `path` without components `..`.
fn resolved(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// Returns whether a document has a heading with this anchor.
fn has_heading(text: &str, anchor: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor_of(line.trim_start_matches('#').trim())).any(|own| own == anchor)
}

/// Returns the anchor that renderers of Markdown derive from a heading.
fn anchor_of(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_text_are_found() {
        let text = "[a](b.md) and [c](d.md#e)\n```\n[x](y)\n```\n[f](https://g) [h](#i)";
        assert_eq!(links(text), [(1, "b.md"), (1, "d.md#e"), (5, "#i")]);
    }

    #[test]
    fn paths_and_headings_are_compared() {
        assert_eq!(resolved(Path::new("docs/../a/b.md")), Path::new("a/b.md"));
        assert!(has_heading("text\n## Where `it` was, run!\n", "where-it-was-run"));
        assert!(!has_heading("Where it was run\n", "where-it-was-run"));
    }

    #[test]
    fn the_length_is_limited() {
        assert!(judge_length(1_201).is_some());
        assert!(judge_length(1_200).is_none());
    }
}
