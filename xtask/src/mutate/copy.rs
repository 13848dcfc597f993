//! A copy of the workspace that patches are applied to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::process;
use crate::workspace::Workspace;

/// Makes the copy equal to the workspace. Unchanged files keep their modification time, so that cargo
/// compiles only the files that a patch has changed.
pub(super) fn refresh(from: &Workspace, to: &Workspace) -> anyhow::Result<()> {
    let files = tracked(from)?;
    for file in &files {
        copy(&from.path(file), &to.path(file))?;
    }
    remove_others(to.root(), to.root(), &files)
}

/// Lists the files that git tracks, and the untracked files that it does not ignore.
fn tracked(workspace: &Workspace) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut command = Command::new("git");
    command.current_dir(workspace.root());
    command.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let output = process::succeed(&mut command).context("the workspace is not a git checkout")?;
    let text = String::from_utf8(output.stdout).context("a path is not UTF-8")?;
    let paths = text.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from);
    // A deleted file that is still in the index cannot be copied.
    Ok(paths.filter(|path| workspace.path(path).is_file()).collect())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let content = fs::read(from).with_context(|| from.display().to_string())?;
    if fs::read(to).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, content).with_context(|| to.display().to_string())
}

/// Removes the files that an earlier patch has added; the copy's own `target` stays.
fn remove_others(root: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let below = path.strip_prefix(root)?;
        if below == Path::new("target") || files.contains(below) {
            continue;
        }
        if path.is_dir() {
            remove_others(root, &path, files)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_files_keep_their_time_and_others_are_removed() {
        let root = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        let (from, to) = (root.join("from"), root.join("to/a"));
        fs::create_dir_all(&to).unwrap();
        fs::create_dir_all(root.join("to/target")).unwrap();
        fs::write(&from, "x").unwrap();
        let target = to.join("f");
        copy(&from, &target).unwrap();
        let before = fs::metadata(&target).unwrap().modified().unwrap();
        copy(&from, &target).unwrap();
        assert_eq!(fs::metadata(&target).unwrap().modified().unwrap(), before);
        fs::write(to.join("stray"), "").unwrap();
        fs::write(root.join("to/target/kept"), "").unwrap();
        let files = BTreeSet::from([PathBuf::from("a/f")]);
        remove_others(&root.join("to"), &root.join("to"), &files).unwrap();
        assert!(target.exists() && !to.join("stray").exists());
        assert!(root.join("to/target/kept").exists());
        fs::remove_dir_all(root).unwrap();
    }
}
