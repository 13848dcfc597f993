//! The folder of the adapted kernel. One call of the tool at a time makes it, and it is replaced as a
//! whole.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::file_lock;

/// The lock file, beside the folder.
const LOCK: &str = "lock";

/// The locked folder. It proves that no other call of the tool makes it.
pub(super) struct KernelFolder<'a> {
    folder: &'a Path,
    /// Closing the file releases the lock.
    _lock: File,
}

impl<'a> KernelFolder<'a> {
    /// Waits until no other call of the tool makes the folder.
    pub(super) fn lock(folder: &'a Path) -> Result<Self> {
        let path = folder.with_file_name(LOCK);
        let lock = file_lock::wait(&path, "another build, which makes the Hermit kernel")
            .with_context(|| path.display().to_string())?;
        Ok(Self { folder, _lock: lock })
    }

    /// Returns the path of the next folder while it is unfinished.
    pub(super) fn draft(&self) -> PathBuf {
        self.folder.with_extension("new")
    }

    fn old(&self) -> PathBuf {
        self.folder.with_extension("old")
    }

    /// Removes the drafts and old folders of calls that did not finish.
    pub(super) fn sweep(&self) -> Result<()> {
        let starts = [self.draft(), self.old()];
        let starts =
            starts.iter().filter_map(|path| path.file_name()?.to_str()).collect::<Vec<_>>();
        let around = self.folder.parent().unwrap_or(self.folder);
        for entry in fs::read_dir(around).with_context(|| around.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name();
            if starts.iter().any(|start| name.to_string_lossy().starts_with(start)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Replaces the folder, or a file of its name, with the finished draft.
    pub(super) fn replace(&self) -> Result<()> {
        let (draft, old) = (self.draft(), self.old());
        match fs::rename(self.folder, &old) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| self.folder.display().to_string());
            }
            _ => {}
        }
        fs::rename(&draft, self.folder).with_context(|| {
            format!("cannot rename {} to {}", draft.display(), self.folder.display())
        })?;
        remove(&old)
    }
}

/// Removes a file or folder, if it exists.
fn remove(path: &Path) -> Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    result.with_context(|| format!("cannot remove {}", path.display()))
}
