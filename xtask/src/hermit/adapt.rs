//! Copies the sources of the Hermit kernel, applies the edits of the table, and verifies the result.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};

use super::changes::{CHANGES, Change, Miscount};
use super::checksum;

/// The edits, and the checksum of their result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe<'a> {
    /// The edits.
    pub(super) changes: &'a [Change<'a>],
    /// The checksum of the result, as [`checksum::of_tree`] computes it.
    pub(super) sha256: &'a str,
}

impl Recipe<'static> {
    /// The recipe of the published version.
    pub(super) const PUBLISHED: Self = Self {
        changes: CHANGES,
        sha256: "d4b5727c57008aeffaacea431f04a096039cfaacfb336a621eea3268857d8082",
    };
}

/// Writes adapted sources into a new folder.
///
/// # Errors
/// - The number of occurrences of a text in its file differs from the table.
/// - A file of the table is missing.
/// - The result has another checksum.
/// - A file cannot be read or written.
pub(super) fn adapt(from: &Path, to: &Path, recipe: &Recipe<'_>) -> anyhow::Result<()> {
    let adapted = copy(from, to, recipe.changes).and_then(|()| judge(to, recipe.sha256));
    adapted.map_err(|error| match error.downcast_ref::<Mismatch>() {
        Some(mismatch) => anyhow!("{mismatch}\n{}", advice(from)),
        None => error,
    })
}

/// A difference between the sources and those that the table is written for.
#[derive(Debug)]
enum Mismatch {
    Count(Miscount),
    NoFile(String),
    Checksum { found: String, expected: String },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(miscount) => miscount.fmt(f),
            Self::NoFile(file) => write!(f, "there is no {file}"),
            Self::Checksum { found, expected } => {
                write!(f, "the result has the checksum {found}, expected {expected}")
            }
        }
    }
}

impl std::error::Error for Mismatch {}

fn judge(to: &Path, expected: &str) -> anyhow::Result<()> {
    let found = checksum::of_tree(to)?;
    if found == expected {
        return Ok(());
    }
    Err(Mismatch::Checksum { found, expected: expected.to_owned() }.into())
}

fn copy(from: &Path, to: &Path, changes: &[Change<'_>]) -> anyhow::Result<()> {
    let files = checksum::sources(from)?;
    let known: BTreeSet<_> = files.iter().map(|file| file.as_path()).collect();
    if let Some(change) = changes.iter().find(|change| !known.contains(Path::new(change.file))) {
        return Err(Mismatch::NoFile(change.file.to_owned()).into());
    }
    for file in &files {
        let target = to.join(file);
        let folder = target.parent().unwrap_or(to);
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let source = from.join(file);
        let bytes = fs::read(&source).with_context(|| source.display().to_string())?;
        let bytes = edit(file, bytes, changes)?;
        fs::write(&target, bytes).with_context(|| target.display().to_string())?;
    }
    Ok(())
}

/// Applies all edits of one file.
fn edit(file: &Path, bytes: Vec<u8>, changes: &[Change<'_>]) -> anyhow::Result<Vec<u8>> {
    let mut own = changes.iter().filter(|change| Path::new(change.file) == file).peekable();
    if own.peek().is_none() {
        return Ok(bytes);
    }
    let text = String::from_utf8(bytes).with_context(|| file.display().to_string())?;
    let text = own.try_fold(text, |text, change| change.apply(&text)).map_err(Mismatch::Count)?;
    Ok(text.into_bytes())
}

/// Returns the advice for a person.
fn advice(from: &Path) -> String {
    format!(
        "The sources of the kernel are not those that xtask/src/hermit/changes.rs is written for. If a \
         file in {} was changed, remove that folder: cargo unpacks it again. If the table was \
         changed, put the new checksum into xtask/src/hermit/adapt.rs. --runtime bare needs no kernel.",
        from.display()
    )
}
