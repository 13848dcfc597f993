//! Adds function names to backtraces. The image prints addresses, and the tool finds their functions in the
//! image's ELF file.

use std::path::{Path, PathBuf};

use addr2line::Loader;
use runtime_config::verdict::BACKTRACE_PREFIX;

/// The symbols of an image, read for the first backtrace.
pub(crate) struct Symbols {
    image: PathBuf,
    loader: Option<Loader>,
}

/// An address of a backtrace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    /// The address at which the CPU was.
    Here(u64),
    /// A return address. The call is the instruction before this address.
    Return(u64),
}

impl Symbols {
    /// Makes the symbols of an image.
    pub(crate) fn of(image: &Path) -> Self {
        Self { image: image.to_path_buf(), loader: None }
    }

    /// Returns the lines to show after a line of the console. Only a backtrace has such lines.
    pub(crate) fn expand(&mut self, line: &str) -> Vec<String> {
        let Some(addresses) = line.strip_prefix(BACKTRACE_PREFIX) else { return Vec::new() };
        if self.loader.is_none() {
            self.loader = Loader::new(&self.image).ok();
        }
        let Some(loader) = &self.loader else {
            return vec![format!("    (no symbols in {})", self.image.display())];
        };
        addresses.split_whitespace().filter_map(parse).flat_map(|a| frames(loader, a)).collect()
    }
}

fn parse(word: &str) -> Option<Address> {
    let number = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    match word.strip_prefix("rip=") {
        Some(here) => number(here).map(Address::Here),
        None => number(word).map(Address::Return),
    }
}

/// Returns the functions at an address. If calls were inlined, the innermost function is first.
fn frames(loader: &Loader, address: Address) -> Vec<String> {
    let (shown, place) = match address {
        Address::Here(here) => (here, here),
        Address::Return(after) => (after, after.saturating_sub(1)),
    };
    let mut lines = Vec::new();
    if let Ok(mut found) = loader.find_frames(place) {
        while let Ok(Some(frame)) = found.next() {
            let function = frame.function.as_ref().and_then(|name| name.demangle().ok());
            let function = function.map_or_else(|| "?".to_owned(), std::borrow::Cow::into_owned);
            let place =
                frame.location.and_then(|at| Some(format!("{}:{}", here(at.file?), at.line?)));
            lines.push(format!("    {shown:#x} {function} {}", place.unwrap_or_default()));
        }
    }
    if lines.is_empty() {
        let symbol = loader.find_symbol(place).unwrap_or("?");
        lines.push(format!("    {shown:#x} {symbol}"));
    }
    lines
}

/// Returns the path of a file of this workspace within it.
fn here(file: &str) -> String {
    let root = std::env::current_dir().unwrap_or_default();
    Path::new(file).strip_prefix(root).map_or(file.to_owned(), |file| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        assert_eq!(parse("rip=0x20"), Some(Address::Here(0x20)));
        assert_eq!(parse("0x21"), Some(Address::Return(0x21)));
        assert_eq!(parse("21"), None);
    }

    #[test]
    fn only_backtraces_are_expanded() {
        let mut symbols = Symbols::of(Path::new("/no/such/image"));
        assert!(symbols.expand("FAULT #PF rip=0x20").is_empty());
        assert_eq!(symbols.expand("BACKTRACE rip=0x20"), ["    (no symbols in /no/such/image)"]);
    }

    #[test]
    fn addresses_without_a_name_are_shown_too() {
        // The test's own program is a small ELF with symbols.
        let mut symbols = Symbols::of(&std::env::current_exe().unwrap());
        let expanded = symbols.expand("BACKTRACE rip=0xffffffff00000000 word");
        assert_eq!(expanded, ["    0xffffffff00000000 ?"]);
    }
}
