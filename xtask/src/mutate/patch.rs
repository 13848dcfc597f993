//! Reads and applies a patch with a header.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::cli::LayerName;
use crate::process;
use crate::workspace::Workspace;

/// A patch: one fault, with the data of its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    /// The file name of the patch without its extension.
    pub(super) name: String,
    /// The test layer that must detect the fault.
    pub(super) layer: LayerName,
    /// A filter of that layer for the test that is expected to detect the fault (`FILE::NAME` in the layer
    /// `model`). If it is empty, any test of the layer may detect the fault.
    pub(super) test: String,
    /// The reason why the fault matters.
    pub(super) why: String,
    path: PathBuf,
}

/// Reads the patches in a folder whose names contain one of `parts`, sorted by name.
///
/// # Errors
/// A header is incomplete, or no patch matches.
pub(super) fn load(folder: &Path, parts: &[String]) -> anyhow::Result<Vec<Patch>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "patch"))
        .collect();
    paths.sort();
    let mut patches = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if parts.is_empty() || parts.iter().any(|part| name.contains(part)) {
            let text = std::fs::read_to_string(&path)?;
            let header = header(&text).with_context(|| path.display().to_string())?;
            let Header { layer, test, why } = header;
            patches.push(Patch { name, layer, test, why, path });
        }
    }
    if patches.is_empty() {
        bail!("no patch in {} matches", folder.display());
    }
    Ok(patches)
}

/// The header of a patch: the lines before the diff.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    layer: LayerName,
    test: String,
    why: String,
}

/// Parses the header of a patch.
fn header(text: &str) -> anyhow::Result<Header> {
    let lines = || text.lines().take_while(|line| !line.starts_with("--- "));
    let value = |key: &str| lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let word = value("# test:").context("no line `# test: LAYER` before the diff")?;
    let why = value("# why:").context("no line `# why: …` before the diff")?;
    let mut words = word.split_whitespace();
    let layer = words.next().unwrap_or_default();
    let layer = LayerName::from_str(layer, true).map_err(anyhow::Error::msg)?;
    let test = words.next().unwrap_or_default().to_owned();
    Ok(Header { layer, test, why: why.to_owned() })
}

impl Patch {
    /// Applies the patch to a copy of the workspace.
    pub(super) fn apply(&self, tree: &Workspace) -> anyhow::Result<()> {
        let mut command = Command::new("git");
        command.current_dir(tree.root());
        // The copy of the workspace is inside a checkout. Without the ceiling, git would apply the patch
        // relative to that checkout, and ignore files that it does not find there.
        let ceiling = tree.root().parent().unwrap_or(tree.root());
        command.env("GIT_CEILING_DIRECTORIES", ceiling).env_remove("GIT_DIR");
        command.args(["apply", "--whitespace=nowarn"]).arg(&self.path);
        process::succeed(&mut command).context("the patch does not apply").map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_the_layer() {
        let text = "# test: model free::stale\n# why: a stale entry\n--- a/x\n+++ b/x\n";
        let (test, why) = ("free::stale".to_owned(), "a stale entry".to_owned());
        assert_eq!(header(text).unwrap(), Header { layer: LayerName::Model, test, why });
    }

    #[test]
    fn incomplete_headers_are_refused() {
        for text in ["", "# test: model\n", "# why: x\n", "# test: moon\n# why: x\n"] {
            assert!(header(text).is_err(), "{text:?}");
        }
        assert!(header("--- a/x\n# test: model\n# why: x\n").is_err());
    }

    #[test]
    fn a_patch_applies_inside_a_checkout() {
        let root = Workspace::find().unwrap().path("target/xtask-patch-test");
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("tree/d")).unwrap();
        std::fs::write(root.join("tree/d/f"), "one\n").unwrap();
        let path = root.join("p.patch");
        std::fs::write(
            &path,
            "# test: unit\n# why: x\n--- a/d/f\n+++ b/d/f\n@@ -1 +1 @@\n-one\n+two\n",
        )
        .unwrap();
        let patches = load(&root, &[]).unwrap();
        let tree = Workspace::at(&root.join("tree"));
        patches[0].apply(&tree).unwrap();
        assert_eq!(std::fs::read_to_string(root.join("tree/d/f")).unwrap(), "two\n");
        assert!(patches[0].apply(&tree).is_err(), "a patch applies once");
        std::fs::remove_dir_all(&root).unwrap();
    }
}
