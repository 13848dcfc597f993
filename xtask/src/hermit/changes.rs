//! The edits that adapt the published sources of the Hermit kernel to the current compiler.
//!
//! The table holds only edits that the compiler or the missing LLVM requires: Hermit's behaviour stays as
//! published. Files of other processors are unchanged, because they are not compiled.

use std::fmt;

/// An edit of one file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    /// The path below the sources.
    pub(super) file: &'a str,
    /// The text that is replaced.
    pub(super) find: &'a str,
    /// The replacement.
    pub(super) replace: &'a str,
    /// Number of occurrences of the text in the file. Any other number stops the build.
    pub(super) places: usize,
}

/// The error of a text whose number of occurrences differs from the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Miscount {
    file: String,
    find: String,
    expected: usize,
    found: usize,
}

impl fmt::Display for Miscount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, find, expected, found } = self;
        write!(f, "{file} has the text {find:?} in {found} places, expected {expected}")
    }
}

impl std::error::Error for Miscount {}

impl Change<'_> {
    /// Returns a text with the edit applied.
    pub(super) fn apply(&self, text: &str) -> Result<String, Miscount> {
        let found = text.matches(self.find).count();
        if found == self.places {
            return Ok(text.replace(self.find, self.replace));
        }
        Err(Miscount {
            file: self.file.to_owned(),
            find: self.find.to_owned(),
            expected: self.places,
            found,
        })
    }
}

/// The edits of version 0.11.0.
pub(super) const CHANGES: &[Change<'static>] = &[
    // The build script assembles the start code of the APs. It needs `llvm-as` and `rust-lld`, which
    // Debian's compiler does not have. `trampoline.rs` does the same with the GNU binutils.
    Change {
        file: "Cargo.toml",
        find: "\nbuild = \"build.rs\"\n",
        replace: "\nbuild = false\n",
        places: 1,
    },
    // These two packages are used by that script only.
    Change {
        file: "Cargo.toml",
        find: "[build-dependencies.anyhow]\nversion = \"1\"\n\n\
               [build-dependencies.llvm-tools]\nversion = \"0.1\"\n\n",
        replace: "",
        places: 1,
    },
    // The assembled code is read from the folder of the package instead of the script's output.
    Change {
        file: "src/arch/x86_64/kernel/apic.rs",
        find: "concat!(core::env!(\"OUT_DIR\"), \"/boot.bin\")",
        replace: "concat!(core::env!(\"CARGO_MANIFEST_DIR\"), \"/boot.bin\")",
        places: 1,
    },
    // Since rustc 1.88 naked functions need no feature, and the compiler refuses the old one.
    Change { file: "src/lib.rs", find: "#![feature(naked_functions)]\n", replace: "", places: 1 },
    // Since rustc 1.88 the attribute is unsafe.
    naked("src/arch/x86_64/kernel/scheduler.rs", 1),
    naked("src/arch/x86_64/kernel/start.rs", 1),
    naked("src/arch/x86_64/kernel/switch.rs", 2),
    naked("src/arch/x86_64/kernel/syscall.rs", 1),
    naked("src/syscalls/table.rs", 1),
    // cargo suppresses the warnings of packages of the registry, but not those of a copy: newer compilers
    // warn in 17 places.
    Change {
        file: "Cargo.toml",
        find: "\n[lints.rust]\n",
        replace: "\n[lints.rust]\nwarnings = \"allow\"\n",
        places: 1,
    },
];

const fn naked(file: &'static str, places: usize) -> Change<'static> {
    Change { file, find: "#[naked]", replace: "#[unsafe(naked)]", places }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: Change<'static> = naked("src/a.rs", 2);

    #[test]
    fn every_place_is_changed() {
        let text = "#[naked]\nfn a() {}\n#[naked]\nfn b() {}\n";
        let expected = "#[unsafe(naked)]\nfn a() {}\n#[unsafe(naked)]\nfn b() {}\n";
        assert_eq!(CHANGE.apply(text).as_deref(), Ok(expected));
    }

    #[test]
    fn another_number_of_places_is_refused_with_the_file_and_both_numbers() {
        for (text, found) in [("", "0"), ("#[naked]", "1"), ("#[naked]#[naked]#[naked]", "3")] {
            let message = CHANGE.apply(text).unwrap_err().to_string();
            let expected = format!("in {found} places, expected 2");
            assert!(message.contains("src/a.rs") && message.contains(&expected), "{message}");
        }
    }
}
