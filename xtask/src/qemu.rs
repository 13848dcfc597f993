//! QEMU: its path, its version and its command line.

pub(crate) mod firmware;
mod memory;
mod numa;

use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use runtime_config::ports;

use crate::accel::Accel;
use crate::exit::{self, Cause};
use crate::network::{Forward, Forwards};
use crate::process;
use crate::provision::{self, Removals};

pub(crate) use memory::Memory;

/// QEMU, the network helper and the clients that the tests use.
pub(crate) const PACKAGES: &[&str] = &["qemu-system-x86", "passt", "redis-tools"];

/// The CPU model with all features that QEMU can emulate, or with those of the host.
pub(crate) const CPU: &str = "max";

/// The oldest version of QEMU that has `-netdev stream`.
const VERSION_MIN: (u32, u32) = (7, 2);

/// Finds QEMU by the option, by `$QEMU`, or in the path.
///
/// # Errors
/// The named QEMU does not exist, or the one that is found is too old.
pub(crate) fn find(option: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    let named = option.map(Path::to_path_buf).or_else(|| std::env::var_os("QEMU").map(Into::into));
    let Some(named) = named else {
        return process::find("qemu-system-x86_64").map(checked).transpose();
    };
    let found = process::find(&named)
        .ok_or_else(|| exit::failure(Cause::Missing, format!("there is no {}", named.display())))?;
    checked(found).map(Some)
}

/// Finds QEMU, or installs it if it is missing.
pub(crate) fn ensure(option: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(qemu) = find(option)? {
        return Ok(qemu);
    }
    provision::install(PACKAGES, "QEMU and test clients, about a minute", Removals::Named)?;
    find(option)?
        .ok_or_else(|| exit::failure(Cause::Missing, "the QEMU just installed is not found"))
}

fn checked(qemu: PathBuf) -> anyhow::Result<PathBuf> {
    let text = process::ask(&qemu, &["--version"]).unwrap_or_default();
    match version_of(&text) {
        Some(version) if version >= VERSION_MIN => Ok(qemu),
        Some((major, minor)) => {
            let message = format!("{} is {major}.{minor}, 7.2 is needed", qemu.display());
            Err(exit::failure(Cause::Missing, message))
        }
        None => {
            let message = format!("{} does not report its version", qemu.display());
            Err(exit::failure(Cause::Missing, message))
        }
    }
}

/// Reads `QEMU emulator version 7.2.22 (…)`.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split("version ").nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.trim().parse().ok()?))
}

/// The network device of a guest, and the destination of its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Netdev {
    /// The guest has no network device.
    None,
    /// QEMU's user network, with forwarded ports.
    User(Forwards),
    /// One end of a socket pair.
    Stream(RawFd),
    /// An existing TAP device that is up.
    Tap(&'static str),
}

/// The command line of QEMU.
#[derive(Clone, Debug)]
pub(crate) struct QemuCommand<'a> {
    /// The program.
    pub(crate) qemu: &'a Path,
    /// Machine type.
    pub(crate) machine: &'a str,
    /// QEMU's name of the processor.
    pub(crate) cpu: &'a str,
    /// The engine that runs the instructions.
    pub(crate) accel: Accel,
    /// Memory.
    pub(crate) memory: Memory,
    /// Virtual CPUs.
    pub(crate) smp: u32,
    /// NUMA nodes.
    pub(crate) numa: u32,
    /// The firmware; `None` is the machine's own.
    pub(crate) firmware: Option<&'a Path>,
    /// The image, or a kernel.
    pub(crate) image: &'a Path,
    /// The initial file system of a kernel.
    pub(crate) initrd: Option<&'a Path>,
    /// The kernel command line.
    pub(crate) append: &'a str,
    /// The file that gets the serial console.
    pub(crate) serial: &'a Path,
    /// The destination of packets.
    pub(crate) netdev: Netdev,
    /// Further properties of the network device, each after a comma.
    pub(crate) card: &'a str,
}

impl QemuCommand<'_> {
    /// Writes the command.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.qemu);
        command.args(["-M", self.machine, "-cpu", self.cpu, "-accel", self.accel.argument()]);
        command.args(self.accel.more());
        if let Some(firmware) = self.firmware {
            command.arg("-bios").arg(firmware);
        }
        command.args(["-m", &self.memory.to_string(), "-smp", &self.smp.to_string()]);
        command.arg("-nodefaults");
        command.args(numa::arguments(self.memory, self.smp, self.numa));
        command.args(["-display", "none", "-no-reboot", "-kernel"]).arg(self.image);
        if let Some(initrd) = self.initrd {
            command.arg("-initrd").arg(initrd);
        }
        if !self.append.is_empty() {
            command.args(["-append", self.append]);
        }
        command.arg("-serial").arg(format!("file:{}", self.serial.display()));
        let (base, size) = (ports::DEBUG_EXIT_IO, ports::DEBUG_EXIT_IO_SIZE);
        command.args(["-device", &format!("isa-debug-exit,iobase={base:#x},iosize={size:#x}")]);
        if let Some(netdev) = self.netdev.argument() {
            command.args(["-netdev", &netdev, "-device"]);
            // Without a boot ROM, because the firmware does not boot from the network.
            let card = self.card;
            command.arg(format!("virtio-net-pci,netdev=n0,disable-legacy=on,romfile={card}"));
        }
        command
    }
}

impl Netdev {
    fn argument(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::User(forwards) => {
                let mut text = "user,id=n0".to_owned();
                for Forward { host, guest } in forwards.iter() {
                    text += &format!(",hostfwd=tcp:{}:{}-:{guest}", host.ip(), host.port());
                }
                Some(text)
            }
            Self::Stream(descriptor) => {
                Some(format!("stream,id=n0,server=off,addr.type=fd,addr.str={descriptor}"))
            }
            Self::Tap(name) => {
                Some(format!("tap,id=n0,ifname={name},script=no,downscript=no,vhost=off"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(netdev: Netdev, append: &str) -> String {
        let line = QemuCommand {
            qemu: Path::new("qemu-system-x86_64"),
            machine: "q35",
            cpu: CPU,
            accel: Accel::Tcg,
            memory: Memory::of_mebibytes(512),
            smp: 2,
            numa: 1,
            firmware: None,
            image: Path::new("app.elf"),
            initrd: None,
            append,
            serial: Path::new("/tmp/serial.log"),
            netdev,
            card: "",
        };
        process::show(&line.command())
    }

    #[test]
    fn the_whole_line() {
        let resp = Forward { host: "127.0.0.1:7001".parse().unwrap(), guest: 7379 };
        let http = Forward { host: "127.0.0.1:7002".parse().unwrap(), guest: 8080 };
        assert_eq!(
            line(Netdev::User(Forwards { resp, http: Some(http) }), "log=debug clients=9"),
            "qemu-system-x86_64 -M q35 -cpu max -accel tcg,thread=multi -m 512M -smp 2 \
             -nodefaults -display none -no-reboot -kernel app.elf -append 'log=debug clients=9' \
             -serial file:/tmp/serial.log -device isa-debug-exit,iobase=0xf4,iosize=0x4 \
             -netdev user,id=n0,hostfwd=tcp:127.0.0.1:7001-:7379,hostfwd=tcp:127.0.0.1:7002-:8080 \
             -device virtio-net-pci,netdev=n0,disable-legacy=on,romfile="
        );
    }

    #[test]
    fn a_service_that_is_off_is_left_out() {
        let bare = line(Netdev::None, "");
        assert!(!bare.contains("-append") && !bare.contains("netdev"), "{bare}");
        assert!(line(Netdev::Stream(7), "").contains("addr.type=fd,addr.str=7"));
        assert!(line(Netdev::Tap("t0"), "").contains("tap,id=n0,ifname=t0,script=no"));
    }

    #[test]
    fn another_kernel_has_its_files() {
        let line = QemuCommand {
            qemu: Path::new("qemu-system-x86_64"),
            machine: "q35",
            cpu: CPU,
            accel: Accel::Counted,
            memory: Memory::of_mebibytes(2048),
            smp: 1,
            numa: 1,
            firmware: Some(Path::new("qboot.rom")),
            image: Path::new("vmlinuz"),
            initrd: Some(Path::new("files.cpio")),
            append: "quiet",
            serial: Path::new("serial.log"),
            netdev: Netdev::None,
            card: "",
        };
        let line = process::show(&line.command());
        assert!(
            line.contains("-accel tcg,thread=single -icount shift=0,sleep=off -bios qboot.rom")
        );
        assert!(line.contains("-kernel vmlinuz -initrd files.cpio -append quiet"), "{line}");
    }

    #[test]
    fn versions_are_read() {
        let text = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright";
        assert_eq!(version_of(text), Some((7, 2)));
        assert_eq!(version_of("QEMU emulator version 10.0\n"), Some((10, 0)));
        assert_eq!(version_of("bash: 7.2"), None);
    }
}
