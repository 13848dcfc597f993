//! The initial file system of a kernel, as a cpio archive.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cpio::newc;

/// The mode of a folder.
const FOLDER: u32 = 0o040_755;
/// The mode of a program.
pub(super) const EXECUTABLE: u32 = 0o100_755;
/// The mode of a data file.
pub(super) const PLAIN: u32 = 0o100_644;

/// Files by their names in the guest.
#[derive(Debug, Default)]
pub(super) struct Archive {
    files: Vec<(String, u32, Vec<u8>)>,
}

impl Archive {
    /// Adds a file of the host under a name without a leading slash.
    pub(super) fn add(&mut self, name: &str, path: &Path, mode: u32) -> anyhow::Result<()> {
        self.files.push((name.to_owned(), mode, read(path)?));
        Ok(())
    }

    /// Writes all files, folders first.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<PathBuf> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let mut number = 0;
        let mut entry = |name: &str, mode: u32, bytes: &[u8], file: File| {
            number += 1;
            let size = u32::try_from(bytes.len()).context("a file of 4 GiB")?;
            let mut writer = newc::Builder::new(name).mode(mode).ino(number).write(file, size);
            writer.write_all(bytes)?;
            anyhow::Ok(writer.finish()?)
        };
        let mut file = file;
        for folder in folders(self.files.iter().map(|(name, ..)| name.as_str())) {
            file = entry(&folder, FOLDER, &[], file)?;
        }
        for (name, mode, bytes) in &self.files {
            file = entry(name, *mode, bytes, file)?;
        }
        newc::trailer(file)?;
        Ok(path.to_path_buf())
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

/// Returns the folders above the files, each before those in it.
fn folders<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let above = names.flat_map(|name| Path::new(name).ancestors().skip(1));
    let named = above.filter(|folder| !folder.as_os_str().is_empty());
    named.map(|folder| folder.display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_precede_their_files() {
        let all = folders(["init", "lib/x/libm.so", "lib/libc.so"].into_iter());
        assert_eq!(all.into_iter().collect::<Vec<_>>(), ["lib", "lib/x"]);
    }

    #[test]
    fn a_written_archive_can_be_read() {
        let root = std::env::temp_dir().join(format!("xtask-archive-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("a"), "hello").unwrap();
        let mut archive = Archive::default();
        archive.add("bin/init", &root.join("a"), EXECUTABLE).unwrap();
        let path = archive.write(&root.join("out.cpio")).unwrap();
        let mut reader = newc::Reader::new(File::open(path).unwrap()).unwrap();
        assert_eq!((reader.entry().name(), reader.entry().mode()), ("bin", FOLDER));
        reader = newc::Reader::new(reader.finish().unwrap()).unwrap();
        assert_eq!((reader.entry().name(), reader.entry().mode()), ("bin/init", EXECUTABLE));
        assert_eq!(std::io::read_to_string(&mut reader).unwrap(), "hello");
        std::fs::remove_dir_all(root).unwrap();
    }
}
