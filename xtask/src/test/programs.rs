//! QEMU and the image, which the tests need to start guests.

use std::net::SocketAddr;
use std::path::PathBuf;

use runtime_config::ports;

use super::bed::TestBed;
use crate::accel::Accel;
use crate::build::Image;
use crate::guest::GuestPlan;
use crate::qemu::firmware::{self, FirmwareRequest};
use crate::qemu::{self, Memory};
use crate::runtime::Runtime;
use crate::workspace::Workspace;

/// The programs and settings with which guests are started.
#[derive(Debug)]
pub(crate) struct Programs<'a> {
    /// The checkout under test.
    pub(crate) workspace: &'a Workspace,
    /// The runtime of the image.
    pub(crate) runtime: Runtime,
    /// Minimum number of CPUs of a guest.
    pub(crate) cpus: u32,
    qemu: PathBuf,
    image: PathBuf,
}

impl<'a> Programs<'a> {
    /// Finds QEMU, and builds the image.
    pub(crate) fn prepare(bed: &TestBed<'a>) -> anyhow::Result<Self> {
        let qemu = qemu::ensure(None)?;
        let image = bed.compile(Image::Service)?;
        let TestBed { workspace, runtime, cpus, .. } = *bed;
        Ok(Self { workspace, runtime, cpus, qemu, image })
    }

    /// Returns the part of the plan that is the same for all guests.
    pub(crate) fn plan(&self, host: SocketAddr) -> anyhow::Result<GuestPlan> {
        Ok(GuestPlan {
            firmware: firmware::choose(FirmwareRequest::Auto, &self.qemu, "q35")?,
            qemu: self.qemu.clone(),
            image: self.image.clone(),
            initrd: None,
            machine: "q35".to_owned(),
            cpu: self.runtime.cpu(),
            memory: Memory::of_mebibytes(512),
            smp: 1,
            numa: 1,
            accel: Accel::Tcg,
            network: None,
            card: "",
            append: String::new(),
            host,
            guest_port: ports::RESP,
            http: None,
        })
    }
}
