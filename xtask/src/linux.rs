//! Debian's Linux as a guest that is compared with the image: its packages, our module, and its files.
//!
//! The packages are unpacked below `target/linux` and not installed, because a kernel that is installed
//! becomes the one that the host boots.

mod archive;
mod packages;
mod programs;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::Context;

use crate::process;
use crate::provision::{Apt, Host};
use crate::workspace::Workspace;

use archive::Archive;

pub(crate) use programs::redis as redis_server;

/// Kernel command line of every Linux guest. It disables the clearing of pages that is not requested and
/// the mitigations for hardware leaks, and fixes the address of the code.
const COMMAND_LINE: &str = "console=ttyS0 init_on_alloc=0 mitigations=off nokaslr";

/// An unpacked kernel.
#[derive(Debug)]
pub(crate) struct Linux {
    version: String,
    /// The root of the unpacked packages.
    root: PathBuf,
    /// The folder of build results.
    work: PathBuf,
    /// The folder of our sources.
    sources: PathBuf,
}

impl Linux {
    /// Unpacks the kernel, unless that has been done.
    ///
    /// # Errors
    /// The packages, or the compiler for them, are not available.
    pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<Self> {
        let base = workspace.path("target/linux");
        let root = |version: &str| base.join(version).join("root");
        let mut apt = Apt::new(Host::real());
        let version = packages::version(&mut apt, |known| packages::is_unpacked(&root(known)))?;
        let (root, work) = (root(&version), base.join(&version).join("work"));
        packages::unpack(&mut apt, &version, &root)?;
        std::fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        Ok(Self { version, root, work, sources: workspace.path("xtask/linux-bench") })
    }

    /// Returns the kernel's version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Returns the path of the kernel that QEMU boots.
    pub(crate) fn kernel(&self) -> PathBuf {
        self.root.join("boot").join(format!("vmlinuz-{}", self.version))
    }

    /// Builds the module and packs the files of a guest that loads it with `parameters`; returns the
    /// archive and the kernel command line.
    pub(crate) fn bench(&self, parameters: &str) -> anyhow::Result<(PathBuf, String)> {
        process::announce("Build", &format!("the module for Linux {}", self.version));
        let module = programs::module(&self.version, &self.root, &self.sources, &self.work)?;
        let mut files = Archive::default();
        files.add("init", &self.init()?, archive::EXECUTABLE)?;
        files.add("vmbench.ko", &module, archive::PLAIN)?;
        let path = files.write(&self.work.join("bench.cpio"))?;
        Ok((path, format!("{COMMAND_LINE} -- bench {parameters}")))
    }

    /// Packs the files of a guest that runs the host's Redis at an address; returns the archive and the
    /// kernel command line.
    pub(crate) fn redis(&self, address: Ipv4Addr) -> anyhow::Result<(PathBuf, String)> {
        let mut files = Archive::default();
        files.add("init", &self.init()?, archive::EXECUTABLE)?;
        for (name, path) in packages::drivers(&self.version, &self.root) {
            files.add(&format!("{name}.ko.xz"), &path, archive::PLAIN)?;
        }
        let server = programs::redis()?;
        files.add("redis-server", &server, archive::EXECUTABLE)?;
        for library in programs::libraries(&server)? {
            let name = library.display().to_string();
            files.add(name.trim_start_matches('/'), &library, archive::EXECUTABLE)?;
        }
        let path = files.write(&self.work.join("redis.cpio"))?;
        Ok((path, format!("{COMMAND_LINE} -- redis {address}")))
    }

    fn init(&self) -> anyhow::Result<PathBuf> {
        programs::init(&self.sources, &self.work)
    }
}
