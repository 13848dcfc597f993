//! The two runtimes of the image, with the differences between their builds and their machines.

use std::fmt;

use clap::ValueEnum;

use crate::qemu;

/// The software below the service in the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Runtime {
    /// The project's own runtime, without a kernel.
    #[default]
    Bare,
    /// The Hermit kernel.
    Hermit,
}

impl Runtime {
    /// Returns the named runtimes, each once, in a fixed order.
    pub(crate) fn each_once(named: &[Self]) -> Vec<Self> {
        let mut runtimes = named.to_vec();
        runtimes.sort();
        runtimes.dedup();
        runtimes
    }

    /// Returns the word of the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Hermit => "hermit",
        }
    }

    /// Returns QEMU's name of the processor.
    pub(crate) fn cpu(self) -> &'static str {
        match self {
            Self::Bare => qemu::CPU,
            // Without MWAIT, because idle CPUs spin in it under TCG, and without x2APIC, because Hermit
            // leaves the interrupt controller in that mode and the image's driver supports xAPIC only.
            Self::Hermit => "max,-monitor,-x2apic",
        }
    }

    /// Returns the package and the program in it, also the stem of the finished ELF.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Bare => "app",
            Self::Hermit => "app-hermit",
        }
    }

    /// Returns the manifest, below the workspace.
    pub(crate) fn manifest(self) -> &'static str {
        match self {
            Self::Bare => "Cargo.toml",
            // A separate workspace, because Hermit's dependencies would change the features of other
            // packages.
            Self::Hermit => "app/hermit/Cargo.toml",
        }
    }

    /// Returns the lock file, below the workspace.
    pub(crate) fn lock(self) -> &'static str {
        match self {
            Self::Bare => "Cargo.lock",
            Self::Hermit => "app/hermit/Cargo.lock",
        }
    }

    /// Returns the folder of the build, below the workspace.
    pub(crate) fn target_folder(self) -> &'static str {
        match self {
            Self::Bare => "target/image",
            Self::Hermit => "target/hermit/image",
        }
    }

    /// Returns a clause for reports, or `None` for the default runtime.
    pub(crate) fn note(self) -> Option<&'static str> {
        match self {
            Self::Bare => None,
            Self::Hermit => Some("hermit: the Hermit kernel"),
        }
    }

    /// Returns the duration of the first build.
    pub(crate) fn first_build(self) -> &'static str {
        match self {
            Self::Bare => "about a minute the first time",
            Self::Hermit => "about 3 minutes the first time",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    fn read(file: &str) -> String {
        std::fs::read_to_string(Workspace::find().unwrap().path(file)).unwrap()
    }

    /// Returns the lines of a table, without comments.
    fn table(manifest: &str, head: &str) -> Vec<String> {
        let lines = manifest.lines().skip_while(|line| *line != head).skip(1);
        let lines = lines.take_while(|line| !line.starts_with('['));
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn runtimes_have_one_order() {
        let (bare, hermit) = (Runtime::Bare, Runtime::Hermit);
        assert_eq!(Runtime::each_once(&[hermit, bare, hermit]), [bare, hermit]);
        assert_eq!(Runtime::each_once(&[hermit, hermit]), [hermit]);
    }

    #[test]
    fn both_images_are_optimized_alike() {
        let profiles = [Runtime::Bare, Runtime::Hermit]
            .map(|runtime| table(&read(runtime.manifest()), "[profile.release]"));
        assert!(profiles[0].len() > 3, "{profiles:?}");
        assert_eq!(profiles[0], profiles[1]);
    }

    #[test]
    fn the_first_image_and_the_tool_need_nothing_of_hermit() {
        let packages = |runtime: Runtime| {
            let lock = read(runtime.lock());
            let names = lock.lines().filter_map(|line| line.strip_prefix("name = "));
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let is_hermit = |name: &&String| name.contains("hermit");
        assert_eq!(packages(Runtime::Bare).iter().find(is_hermit), None);
        assert!(packages(Runtime::Hermit).iter().any(|name| name == "\"hermit-kernel\""));
    }

    /// The two folders hold the differences between the runtimes, and `lib.rs` chooses one.
    #[test]
    fn no_other_source_names_a_runtime() {
        let workspace = Workspace::find().unwrap();
        let files = ["app/src/lib.rs", "app/src/bare.rs", "app/src/hermit.rs"];
        let folders = ["app/src/bare/", "app/src/hermit/"];
        // Case-sensitive, because `BarError` is the error of a BAR.
        let names = ["bare", "Bare", "BARE", "hermit", "Hermit", "HERMIT"];
        let mut seen = 0;
        for folder in ["app/src", "vmalloc/src", "runtime-config/src"] {
            for file in files_below(&workspace.path(folder)) {
                let path = file.strip_prefix(workspace.root()).unwrap().to_str().unwrap();
                if files.contains(&path) || folders.iter().any(|own| path.starts_with(own)) {
                    continue;
                }
                seen += 1;
                let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
                let named = names.into_iter().find(|name| text.contains(name));
                assert_eq!(named, None, "{path}");
            }
        }
        assert!(seen > 300, "only {seen} files were read");
    }

    fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
            .collect()
    }
}
