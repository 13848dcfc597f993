//! QEMU and the image, from which the guests of the tests are started.

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

/// The programs that guests are started from.
#[derive(Debug)]
pub(crate) struct Programs<'a> {
    /// The checkout.
    pub(crate) workspace: &'a Workspace,
    /// The runtime below the image.
    pub(crate) runtime: Runtime,
    /// The fewest CPUs of a guest.
    pub(crate) cpus: u32,
    qemu: PathBuf,
    image: PathBuf,
}

impl<'a> Programs<'a> {
    /// Finds QEMU and builds the image.
    pub(crate) fn prepare(bed: &TestBed<'a>) -> anyhow::Result<Self> {
        let qemu = qemu::ensure(None)?;
        let image = bed.compile(Image::Service)?;
        let TestBed { workspace, runtime, cpus, .. } = *bed;
        Ok(Self { workspace, runtime, cpus, qemu, image })
    }

    /// Returns the plan that all guests share.
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
