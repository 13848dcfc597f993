//! The firmware that runs before the image: the default of QEMU, or qboot, which needs a tenth of the time.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::exit::{self, Cause};
use crate::process;

/// The machine types that qboot supports. Other machine types have a firmware of their own.
const MACHINES: [&str; 2] = ["q35", "pc"];

/// The values of `--firmware`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FirmwareRequest {
    /// qboot if QEMU has it and the machine is q35 or pc; otherwise the default of the machine.
    Auto,
    /// qboot, which is the fastest.
    Qboot,
    /// The default of the machine, which is SeaBIOS for q35.
    Own,
}

/// Returns the chosen firmware, or `None` for the default of the machine.
///
/// # Errors
/// qboot was requested and is missing.
pub(crate) fn choose(
    request: FirmwareRequest,
    qemu: &Path,
    machine: &str,
) -> anyhow::Result<Option<PathBuf>> {
    let is_for = MACHINES.contains(&machine.split(',').next().unwrap_or_default());
    let found = || find(&process::ask(qemu, &["-L", "help"]).unwrap_or_default());
    match request {
        FirmwareRequest::Own => Ok(None),
        FirmwareRequest::Auto => Ok(found().filter(|_| is_for)),
        FirmwareRequest::Qboot => found().map(Some).ok_or_else(|| {
            exit::failure(Cause::Missing, "there is no qboot.rom in QEMU's folders")
        }),
    }
}

/// Searches the folders that QEMU lists, one per line.
fn find(folders: &str) -> Option<PathBuf> {
    folders.lines().map(|folder| Path::new(folder).join("qboot.rom")).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_with_the_file_counts() {
        let root = std::env::temp_dir().join(format!("xtask-firmware-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("qboot.rom"), "").unwrap();
        let folders = format!("/nowhere\n{}\n", root.display());
        assert_eq!(find(&folders), Some(root.join("qboot.rom")));
        assert_eq!(find("/nowhere\n"), None);
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_machine_with_its_own_firmware_keeps_it() {
        let choose = |request, machine| choose(request, Path::new("true"), machine).unwrap();
        assert_eq!(choose(FirmwareRequest::Own, "q35"), None);
        assert_eq!(choose(FirmwareRequest::Auto, "microvm"), None);
    }
}
