//! The checkout on which the tool works.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The checkout, identified by the folder that contains the workspace's `Cargo.toml`.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the workspace from which the tool was built.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // `cargo xtask` sets this variable to the present path of the manifest. A direct call uses the path
        // of the build.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("the tool is outside of a workspace")?;
        Ok(Self::at(root))
    }

    /// Uses a folder as the workspace. It may be a copy of the workspace.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// Returns the root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the absolute path of `below`, which is relative to the root.
    pub(crate) fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }

    /// Returns a path in the form in which a user types it in the root folder.
    pub(crate) fn show(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Returns the minor version of the oldest rustc 1.x that can compile the workspace.
    pub(crate) fn msrv_minor(&self) -> anyhow::Result<u32> {
        let manifest = self.manifest()?;
        let version = value_of(&manifest, "rust-version").context("no rust-version")?;
        minor_of(version).with_context(|| format!("rust-version {version}"))
    }

    /// Returns the minor versions of rustc for which warnings are errors.
    pub(crate) fn lint_minors(&self) -> anyhow::Result<Vec<u32>> {
        let manifest = self.manifest()?;
        let list = value_of(&manifest, "lint-rustc").context("no lint-rustc")?;
        Ok(list.trim_matches(['[', ']']).split(',').filter_map(minor_of).collect())
    }

    fn manifest(&self) -> anyhow::Result<String> {
        let path = self.path("Cargo.toml");
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}

/// Returns the text after `key =`. The manifest has one key per line.
fn value_of<'a>(manifest: &'a str, key: &str) -> Option<&'a str> {
    manifest
        .lines()
        .find_map(|line| Some(line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim()))
}

/// Returns the minor version in a version text, for example 91 for `"1.91"`, `1.91.0` and `1.91.0+dfsg1-1`.
pub(crate) fn minor_of(version: &str) -> Option<u32> {
    let rest = version.trim().trim_matches('"').strip_prefix("1.")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_minors() {
        assert_eq!(minor_of("\"1.91\""), Some(91));
        assert_eq!(minor_of("1.96.0+dfsg1-1~deb12u2"), Some(96));
        assert_eq!(minor_of("2.0"), None);
    }

    #[test]
    fn the_manifest_is_read() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.msrv_minor().unwrap() >= 85);
        assert!(!workspace.lint_minors().unwrap().is_empty());
    }

    #[test]
    fn values_follow_their_key() {
        let text = "[a]\nrust-version = \"1.91\"\nlint-rustc = [\"1.95\", \"1.96\"]\n";
        assert_eq!(value_of(text, "rust-version"), Some("\"1.91\""));
        assert_eq!(value_of(text, "lint-rustc"), Some("[\"1.95\", \"1.96\"]"));
        assert_eq!(value_of(text, "rust"), None);
    }
}
