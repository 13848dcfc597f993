//! Fetches the package of the Hermit kernel and its dependencies by cargo.
//!
//! The image's own manifest names the adapted copy, which does not exist yet, so a manifest below `target`
//! names the package in the registry. A copy of the image's lock file beside it makes cargo fetch shared
//! dependencies in the same versions. cargo adds the package's own entry and the dependencies of its build
//! script.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::missing;
use super::package::{PACKAGE, VERSION};
use crate::process;
use crate::runtime::Runtime;
use crate::toolchain::{TARGET, Toolchain};
use crate::workspace::Workspace;

/// SHA-256 of the package in the registry. The image's lock file has no checksum of it, because the package
/// is a path there. cargo compares the downloaded file with the registry's index, and writes the index's
/// checksum into the lock file below `target`.
const CRATE_SHA256: &str = "e5a914a929e843e539267f5f8d1b6b53add9587db6caa5547b7bff16edba8e03";

/// Returns the folder with the published sources.
pub(super) fn fetch(workspace: &Workspace, toolchain: &Toolchain) -> anyhow::Result<PathBuf> {
    let folder = workspace.path("target/hermit/fetch");
    write_manifest(workspace, &folder).with_context(|| folder.display().to_string())?;
    process::announce("Fetch", &format!("{PACKAGE} {VERSION} by cargo, some seconds"));
    let mut command = toolchain.plain_cargo(workspace, "metadata");
    command.args(["--quiet", "--format-version", "1", "--filter-platform", TARGET]);
    let output = process::capture(command.arg("--manifest-path").arg(folder.join("Cargo.toml")))?;
    if !output.status.success() {
        return Err(missing::error(&format!("{PACKAGE} {VERSION}"), &output.stderr));
    }
    let lock = fs::read_to_string(folder.join("Cargo.lock")).context("the lock file")?;
    let found = checksum(&lock).context("the lock file names no checksum")?;
    ensure!(
        found == CRATE_SHA256,
        "{PACKAGE} {VERSION} has the checksum {found} in the registry, expected {CRATE_SHA256}: \
         another package has its name and version. Look which registry cargo is set to"
    );
    sources(&output.stdout)
}

/// Has cargo fetch the dependencies of the image on Hermit.
///
/// # Errors
/// A package cannot be fetched (the cause is [`Missing`](crate::exit::Cause::Missing)), or cargo refuses
/// the manifest.
pub(super) fn dependencies(workspace: &Workspace, toolchain: &Toolchain) -> anyhow::Result<()> {
    let cargo = |verb, arguments: &[&str]| {
        let mut command = toolchain.plain_cargo(workspace, verb);
        command
            .args(["--quiet", "--manifest-path"])
            .arg(workspace.path(Runtime::Hermit.manifest()));
        command.args(arguments);
        command
    };
    // No `--locked` below: as for the other image, a changed manifest changes its lock file.
    if process::capture(&mut cargo("fetch", &["--target", TARGET, "--locked", "--offline"]))?
        .status
        .success()
    {
        return Ok(());
    }
    process::announce("Fetch", "the dependencies of the image on Hermit by cargo, some seconds");
    let output = process::capture(&mut cargo("fetch", &["--target", TARGET]))?;
    if output.status.success() {
        return Ok(());
    }
    // An error in the manifest is reported as such and not as a missing package.
    process::succeed(&mut cargo("metadata", &["--no-deps", "--offline", "--format-version", "1"]))?;
    Err(missing::error("the dependencies of the image", &output.stderr))
}

fn write_manifest(workspace: &Workspace, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    fs::copy(workspace.path(Runtime::Hermit.lock()), folder.join("Cargo.lock"))?;
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies.{PACKAGE}]\nversion = \"={VERSION}\"\ndefault-features = false\n"
    );
    Ok(fs::write(folder.join("Cargo.toml"), manifest)?)
}

/// Reads the checksum of the package in a lock file.
fn checksum(lock: &str) -> Option<&str> {
    let head = format!("\n[[package]]\nname = \"{PACKAGE}\"\nversion = \"{VERSION}\"\n");
    let start = lock.find(&head)? + head.len();
    let entry = lock[start..].split("\n\n").next()?;
    entry.lines().find_map(|line| line.strip_prefix("checksum = \"")?.strip_suffix('"'))
}

/// Finds the folder of the package in the output of `cargo metadata`.
fn sources(metadata: &[u8]) -> anyhow::Result<PathBuf> {
    let metadata: Value = serde_json::from_slice(metadata).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let package = packages.iter().find(|package| package["name"] == PACKAGE);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.with_context(|| format!("cargo metadata does not name {PACKAGE}"))?;
    Path::new(manifest).parent().map(Path::to_path_buf).context("a manifest without a folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_package() {
        let lock = "version = 4\n\n[[package]]\nname = \"hermit-entry\"\nversion = \"0.11.0\"\n\
                    checksum = \"aa\"\n\n[[package]]\nname = \"hermit-kernel\"\nversion = \"0.11.0\"\n\
                    source = \"x\"\nchecksum = \"bb\"\ndependencies = [\n \"log\",\n]\n\n\
                    [[package]]\nname = \"log\"\nchecksum = \"cc\"\n";
        assert_eq!(checksum(lock), Some("bb"));
        assert_eq!(checksum(&lock.replace("checksum = \"bb\"\n", "")), None);
    }

    #[test]
    fn the_sources_are_beside_the_manifest() {
        let text = r#"{"packages": [{"name": "log", "manifest_path": "/r/log/Cargo.toml"},
                       {"name": "hermit-kernel", "manifest_path": "/r/h/Cargo.toml"}]}"#;
        assert_eq!(sources(text.as_bytes()).unwrap(), Path::new("/r/h"));
        assert!(sources(br#"{"packages": []}"#).is_err());
    }
}
