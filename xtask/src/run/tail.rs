//! The console file, shown while it grows.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use runtime_config::console::{self, LogLevel};

use crate::symbols::Symbols;

/// A position in the console file.
pub(super) struct Tail {
    path: PathBuf,
    symbols: Symbols,
    threshold: LogLevel,
    offset: u64,
    partial: Vec<u8>,
}

impl Tail {
    /// Shows the file from its beginning; it need not exist yet. Backtraces are resolved with the symbols
    /// of `image`.
    pub(super) fn new(path: &Path, image: &Path, threshold: LogLevel) -> Self {
        let symbols = Symbols::of(image);
        Self { path: path.to_path_buf(), symbols, threshold, offset: 0, partial: Vec::new() }
    }

    /// Shows new lines only.
    pub(super) fn at_end(path: &Path, image: &Path, threshold: LogLevel) -> Self {
        let offset = std::fs::metadata(path).map_or(0, |file| file.len());
        Self { offset, ..Self::new(path, image, threshold) }
    }

    /// Prints the complete new lines up to the threshold, and the functions of backtraces.
    pub(super) fn print_new(&mut self) {
        for line in self.new_lines() {
            eprintln!("{line}");
            for name in self.symbols.expand(&line) {
                eprintln!("{name}");
            }
        }
    }

    fn new_lines(&mut self) -> Vec<String> {
        let mut bytes = std::mem::take(&mut self.partial);
        // A file that does not exist yet has no lines.
        let _ = self.read_on(&mut bytes);
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        self.partial = bytes.split_off(whole);
        String::from_utf8_lossy(&bytes)
            .lines()
            .filter(|line| !line.trim().is_empty() && console::is_shown(line, self.threshold))
            .map(str::to_owned)
            .collect()
    }

    fn read_on(&mut self, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        self.offset += file.read_to_end(bytes)? as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_shown_once_whole_and_filtered() {
        let path = std::env::temp_dir().join(format!("xtask-tail-{}", std::process::id()));
        let mut tail = Tail::new(&path, Path::new("app.elf"), LogLevel::Warn);
        assert!(tail.new_lines().is_empty());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"INFO boot: up\r\nWARN net: slow\r\nFAU").unwrap();
        assert_eq!(tail.new_lines(), ["WARN net: slow"]);
        file.write_all(b"LT #PF\r\n").unwrap();
        assert_eq!(tail.new_lines(), ["FAULT #PF"]);
        assert!(Tail::at_end(&path, Path::new("app.elf"), LogLevel::Trace).new_lines().is_empty());
        std::fs::remove_file(&path).unwrap();
    }
}
