//! Runs a guest that executes the image's own tests and then exits.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::accel::Accel;
use crate::guest::{Guest, GuestPlan};
use crate::instance::Instance;
use crate::network::{self, Network};
use crate::qemu::firmware::FirmwareRequest;
use crate::qemu::{self, Memory, firmware};
use crate::runtime::Runtime;
use crate::sys::Bond;
use crate::workspace::Workspace;

/// Maximum time of the image's own tests.
const LIMIT: Duration = Duration::from_secs(300);

/// The settings of a guest of the tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) runtime: Runtime,
    pub(crate) cpus: u32,
    pub(crate) nodes: u32,
    pub(crate) memory: Memory,
    pub(crate) accel: Accel,
    /// The firmware. Unlike SeaBIOS, qboot assigns no addresses to devices.
    pub(crate) firmware: FirmwareRequest,
    /// The kernel command line.
    pub(crate) append: &'a str,
}

/// The results of a run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The exit code of QEMU, or `None` if QEMU had to be killed.
    pub(crate) exit_code: Option<i32>,
    /// The text of the console.
    pub(crate) serial: String,
    /// The path of the console file, as a person types it.
    pub(crate) log: String,
    /// The duration of the run.
    pub(crate) time: Duration,
}

#[cfg(test)]
impl Run {
    /// Makes a run with these results, for tests of its judges.
    pub(crate) fn that_left(exit_code: i32, serial: &str) -> Self {
        Self {
            exit_code: Some(exit_code),
            serial: serial.to_owned(),
            log: "serial.log".to_owned(),
            time: Duration::from_millis(1500),
        }
    }
}

impl Machine<'_> {
    /// Size of a memory that suffices for every test.
    pub(crate) const MEMORY: Memory = Memory::of_mebibytes(256);

    /// Boots a self-test image under its own name and waits for its end.
    pub(crate) fn run(
        &self,
        workspace: &Workspace,
        image: &Path,
        name: &str,
    ) -> anyhow::Result<Run> {
        let qemu = qemu::ensure(None)?;
        let plan = GuestPlan {
            firmware: firmware::choose(self.firmware, &qemu, "q35")?,
            qemu,
            image: image.to_path_buf(),
            initrd: None,
            machine: "q35".to_owned(),
            cpu: self.runtime.cpu(),
            memory: self.memory,
            smp: self.cpus,
            numa: self.nodes,
            accel: self.accel,
            network: Some(Network::User),
            card: "",
            append: self.append.to_owned(),
            host: network::free_port(0)?,
            guest_port: runtime_config::ports::RESP,
            http: None,
        };
        let instance = Rc::new(Instance::claim(workspace, name)?);
        let start = Instant::now();
        let mut guest = Guest::start(plan, Rc::clone(&instance), Bond::Own)?;
        let status = guest.wait_for_end(LIMIT)?;
        let time = start.elapsed();
        drop(guest);
        Ok(Run {
            exit_code: status.and_then(|status| status.code()),
            serial: instance.console(),
            log: workspace.show(&instance.serial()),
            time,
        })
    }

    /// Returns whether the image found all parts of the configured machine. A missing CPU would make the
    /// tests easier, so they would prove less.
    pub(crate) fn is_in(&self, run: &Run) -> bool {
        run.serial.contains(&format!("{} CPUs, {} nodes", self.cpus, self.nodes))
    }
}
