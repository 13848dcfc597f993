//! The checksum of a package's sources: the files that the compiler reads, and the licences.
//!
//! The command `find Cargo.toml LICENSE-* src -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`
//! computes the same checksum.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// Returns the paths of all sources below a folder, sorted. Tests, scripts and the files that cargo adds
/// when it unpacks a package are left out.
pub(super) fn sources(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if text == "src" {
            collect(folder, Path::new(&name), &mut files)?;
        } else if text == "Cargo.toml" || text.starts_with("LICENSE-") {
            files.push(PathBuf::from(&name));
        }
    }
    // Compared as bytes, because paths compare by their components.
    files.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(files)
}

fn collect(root: &Path, below: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let folder = root.join(below);
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Returns the checksum of all sources below a folder.
pub(super) fn of_tree(folder: &Path) -> anyhow::Result<String> {
    let mut lines = String::new();
    for file in sources(folder)? {
        let path = folder.join(&file);
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        let _ = writeln!(lines, "{}  {}", of_bytes(&bytes), file.display());
    }
    Ok(of_bytes(lines.as_bytes()))
}

fn of_bytes(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_text_has_its_known_checksum() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(of_bytes(b""), empty);
    }
}
