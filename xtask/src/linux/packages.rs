//! The packages of the kernel, fetched and unpacked.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::process;
use crate::provision::Apt;

/// The package that names the newest kernel of the series.
const SERIES: &str = "linux-image-6.12-cloud-amd64";
/// The end of a kernel's name.
const FLAVOUR: &str = "-cloud-amd64";
/// The file that marks a complete unpacking.
const STAMP: &str = ".unpacked";

/// Returns the newest version, as in `6.12.1+deb12-cloud-amd64`. Package lists may be old and the archive
/// keeps the newest version only, so the lists are fetched before a download.
///
/// # Errors
/// The package lists do not have it.
pub(super) fn version(apt: &mut Apt, is_unpacked: impl Fn(&str) -> bool) -> anyhow::Result<String> {
    let found = |apt: &Apt| apt.depends(SERIES).as_deref().and_then(version_of).map(str::to_owned);
    if let Some(version) = found(apt).filter(|version| is_unpacked(version)) {
        return Ok(version);
    }
    apt.refresh();
    found(apt).ok_or_else(|| {
        let why = format!("Linux is not available: no package {SERIES} in the package lists");
        let commands = [apt.host().command_line(&[SERIES])];
        apt.tried().refusal(&why, &commands)
    })
}

/// Returns whether [`unpack`] has finished for a root.
pub(super) fn is_unpacked(root: &Path) -> bool {
    root.join(STAMP).exists()
}

/// Reads `  Depends: linux-image-VERSION`.
fn version_of(text: &str) -> Option<&str> {
    let mut depends = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    depends.find_map(|name| name.strip_prefix("linux-image-").filter(|v| v.ends_with(FLAVOUR)))
}

/// Fetches and unpacks the packages of a kernel and of the builds for it.
pub(super) fn unpack(apt: &mut Apt, version: &str, root: &Path) -> anyhow::Result<()> {
    if is_unpacked(root) {
        return Ok(());
    }
    let plain = version.trim_end_matches(FLAVOUR);
    let packages = [
        format!("linux-image-{version}"),
        format!("linux-headers-{version}"),
        format!("linux-headers-{plain}-common"),
        format!("linux-kbuild-{plain}"),
    ];
    process::announce("Fetch", &format!("Linux {version} (50 MB, unpacked below target/linux)"));
    let fetched = root.with_file_name("packages");
    // A download that failed midway has left files.
    let _ = std::fs::remove_dir_all(&fetched);
    for folder in [root, &fetched] {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    apt.download(&packages, &fetched).context("Linux is not available")?;
    for entry in std::fs::read_dir(&fetched)? {
        let package = entry?.path();
        process::succeed(Command::new("dpkg-deb").arg("-x").args([&package, root]))?;
    }
    settle(version, root)?;
    std::fs::remove_dir_all(&fetched)?;
    Ok(std::fs::write(root.join(STAMP), "")?)
}

/// Returns the folder that modules are built with.
pub(super) fn headers(version: &str, root: &Path) -> PathBuf {
    root.join("usr/src").join(format!("linux-headers-{version}"))
}

/// Adjusts the paths in the headers to the folder that they were unpacked to.
fn settle(version: &str, root: &Path) -> anyhow::Result<()> {
    let headers = headers(version, root);
    let makefile = headers.join("Makefile");
    let text =
        std::fs::read_to_string(&makefile).with_context(|| makefile.display().to_string())?;
    let sources = format!("include {}/usr/src/", root.display());
    std::fs::write(&makefile, text.replace("include /usr/src/", &sources))?;
    // Only debuggers need this file, and it needs another tool.
    let _ = std::fs::remove_file(headers.join("vmlinux"));
    Ok(())
}

/// Returns the modules that a virtio network device needs, in the order in which they are loaded.
pub(super) fn drivers(version: &str, root: &Path) -> [(&'static str, PathBuf); 3] {
    let kernel = root.join("lib/modules").join(version).join("kernel");
    [
        ("failover", kernel.join("net/core/failover.ko.xz")),
        ("net_failover", kernel.join("drivers/net/net_failover.ko.xz")),
        ("virtio_net", kernel.join("drivers/net/virtio_net.ko.xz")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_dependency_of_the_series() {
        let text =
            "linux-image-6.12-cloud-amd64\n  Depends: linux-image-6.12.9+deb12-cloud-amd64\n";
        assert_eq!(version_of(text), Some("6.12.9+deb12-cloud-amd64"));
        assert_eq!(version_of("linux-image-6.12-cloud-amd64\n"), None);
    }

    #[test]
    fn the_makefile_is_sent_to_the_unpacked_sources() {
        let root = std::env::temp_dir().join(format!("xtask-linux-{}", std::process::id()));
        let headers = headers("6.12-x", &root);
        std::fs::create_dir_all(&headers).unwrap();
        std::fs::write(headers.join("Makefile"), "include /usr/src/common/Makefile\n").unwrap();
        settle("6.12-x", &root).unwrap();
        let text = std::fs::read_to_string(headers.join("Makefile")).unwrap();
        assert_eq!(text, format!("include {}/usr/src/common/Makefile\n", root.display()));
        std::fs::remove_dir_all(root).unwrap();
    }
}
