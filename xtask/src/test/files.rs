//! Reads the files for the lints.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::workspace::Workspace;

/// A file of the workspace and its text.
pub(super) struct TextFile {
    /// The path of the file, relative to the root of the workspace.
    pub(super) path: String,
    pub(super) text: String,
}

/// Minimum number of files with one extension. Fewer files mean that a lint reads the wrong folder.
const FILES_MIN: usize = 20;

/// Reads all files with one of the extensions, except files of builds and of version control.
///
/// # Errors
/// A file cannot be read, or there are fewer than 20 files with one of the extensions.
pub(super) fn read(workspace: &Workspace, extensions: &[&str]) -> anyhow::Result<Vec<TextFile>> {
    let mut paths = Vec::new();
    add_below(workspace.root(), &mut paths)?;
    paths.sort();
    let has = |path: &Path, wanted: &str| path.extension().is_some_and(|own| own == wanted);
    for wanted in extensions {
        let count = paths.iter().filter(|path| has(path, wanted)).count();
        ensure!(count >= FILES_MIN, "{count} files *.{wanted}, at least {FILES_MIN} are expected");
    }
    let is_wanted = |path: &PathBuf| extensions.iter().any(|wanted| has(path, wanted));
    let read = |path: PathBuf| {
        let shown = workspace.show(&path);
        let text = std::fs::read_to_string(&path).with_context(|| shown.clone())?;
        Ok(TextFile { path: shown, text })
    };
    paths.into_iter().filter(is_wanted).map(read).collect()
}

fn add_below(folder: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "target" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            add_below(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_builds_are_not() {
        let files = read(&Workspace::find().unwrap(), &["rs"]).unwrap();
        assert!(files.iter().any(|file| file.path == file!()), "{} files", files.len());
        let is_built =
            |file: &&TextFile| file.path.contains("target/") || file.path.starts_with('.');
        assert_eq!(files.iter().filter(is_built).count(), 0);
    }

    #[test]
    fn an_extension_without_files_is_an_error() {
        let result = read(&Workspace::find().unwrap(), &["rs", "nonesuch"]);
        assert!(result.err().unwrap().to_string().contains("0 files *.nonesuch"));
    }
}
