//! The settings of a guest, which are chosen before the guest starts.

use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::accel::Accel;
use crate::network::{Forward, Forwards, Network};
use crate::qemu::{Memory, Netdev, QemuCommand};
use crate::{passt, process};

/// The settings of a guest.
#[derive(Clone, Debug)]
pub(crate) struct GuestPlan {
    /// The path of QEMU.
    pub(crate) qemu: PathBuf,
    /// The firmware, or `None` for the default of the machine type.
    pub(crate) firmware: Option<PathBuf>,
    /// The image, or a Linux kernel.
    pub(crate) image: PathBuf,
    /// The initial file system of a Linux kernel.
    pub(crate) initrd: Option<PathBuf>,
    /// The machine type of QEMU.
    pub(crate) machine: String,
    /// The CPU model of QEMU.
    pub(crate) cpu: &'static str,
    /// The size of the memory.
    pub(crate) memory: Memory,
    /// The number of virtual CPUs.
    pub(crate) smp: u32,
    /// The number of NUMA nodes.
    pub(crate) numa: u32,
    /// The accelerator that runs the guest's instructions.
    pub(crate) accel: Accel,
    /// The network, or `None` for a guest without a network device.
    pub(crate) network: Option<Network>,
    /// Further properties of the network device, each with a comma in front.
    pub(crate) card: &'static str,
    /// The kernel command line.
    pub(crate) append: String,
    /// The address of the RESP service on the host.
    pub(crate) host: SocketAddr,
    /// The port of the RESP service in the guest.
    pub(crate) guest_port: u16,
    /// The forwarded port of the HTTP reports, if it is reachable.
    pub(crate) http: Option<Forward>,
}

impl GuestPlan {
    /// Returns the commands of passt and QEMU. `ends` are the two ends of the socket pair, with QEMU's end
    /// first.
    pub(super) fn commands(
        &self,
        serial: &Path,
        ends: Option<(RawFd, RawFd)>,
    ) -> (Option<Command>, Command) {
        let netdev = match (self.network, ends) {
            (None, _) => Netdev::None,
            (Some(Network::Passt), Some((near, _))) => Netdev::Stream(near),
            (Some(Network::Tap(name)), _) => Netdev::Tap(name),
            (Some(Network::User | Network::Passt), _) => Netdev::User(self.forwards()),
        };
        let line = QemuCommand {
            qemu: &self.qemu,
            machine: &self.machine,
            cpu: self.cpu,
            accel: self.accel,
            memory: self.memory,
            smp: self.smp,
            numa: self.numa,
            firmware: self.firmware.as_deref(),
            image: &self.image,
            initrd: self.initrd.as_deref(),
            append: &self.append,
            serial,
            netdev,
            card: self.card,
        };
        let passt = ends.map(|(_, far)| {
            let program = process::find("passt").unwrap_or_else(|| PathBuf::from("passt"));
            passt::command(&program, far, &self.forwards())
        });
        (passt, line.command())
    }

    /// Returns the ports of this host that lead to the guest.
    pub(super) fn forwards(&self) -> Forwards {
        Forwards { resp: Forward { host: self.host, guest: self.guest_port }, http: self.http }
    }

    /// Returns the text of `qemu.cmd` for a guest that is not started.
    pub(crate) fn preview(&self, serial: &Path) -> String {
        let ends = (self.network == Some(Network::Passt)).then_some((3, 4));
        let (passt, qemu) = self.commands(serial, ends);
        script(passt.as_ref(), &qemu)
    }
}

/// Returns the exact command lines, one for each process.
pub(super) fn script(passt: Option<&Command>, qemu: &Command) -> String {
    let qemu = process::show(qemu);
    match passt {
        None => format!("{qemu}\n"),
        Some(passt) => format!(
            "# -F and addr.str are the two ends of one socket pair.\n{}\n{qemu}\n",
            process::show(passt)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu;

    #[test]
    fn the_script_has_a_line_per_process() {
        let plan = GuestPlan {
            qemu: "qemu".into(),
            firmware: None,
            image: "app.elf".into(),
            initrd: None,
            machine: "q35".to_owned(),
            cpu: qemu::CPU,
            memory: Memory::of_mebibytes(64),
            smp: 1,
            numa: 1,
            accel: Accel::Tcg,
            network: Some(Network::Passt),
            card: "",
            append: String::new(),
            host: "127.0.0.1:7001".parse().unwrap(),
            guest_port: 7379,
            http: None,
        };
        let serial = Path::new("serial.log");
        let lines = plan.preview(serial);
        assert_eq!(lines.lines().count(), 3, "{lines}");
        assert!(lines.contains("addr.str=3") && lines.contains("-F 4"), "{lines}");
        let user = GuestPlan { network: Some(Network::User), ..plan.clone() };
        assert!(user.preview(serial).contains("hostfwd=tcp:127.0.0.1:7001-:7379"));
        let bare = GuestPlan { network: None, ..plan };
        assert_eq!(bare.preview(serial).lines().count(), 1);
    }
}
