//! How a guest is started.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use runtime_config::console::LogLevel;

use super::values;
use crate::qemu::Memory;
use crate::runtime::Runtime;

/// How a guest is started; shared by `run` and `load`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MachineOptions {
    /// The software below the service.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
    /// Virtual CPUs.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// NUMA nodes, with equal parts of memory and CPUs.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4))]
    pub(crate) numa: u32,
    /// Guest memory, from 64M to 1024G.
    #[arg(long, default_value = "512M", value_name = "SIZE")]
    pub(crate) memory: Memory,
    /// The accelerator that runs the guest's instructions.
    #[arg(long, value_enum, default_value_t = AccelRequest::Auto)]
    pub(crate) accel: AccelRequest,
    /// How the guest reaches the host.
    #[arg(long, value_enum, default_value_t = NetRequest::Auto)]
    pub(crate) net: NetRequest,
    /// More words for the kernel command line, as in "clients=128 names=1000".
    #[arg(long, default_value = "", value_name = "STR")]
    pub(crate) append: String,
    /// Log level of the guest; also shows its whole log here.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<LogLevel>,
    /// Seconds from the start of the guest to its first PONG.
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = values::seconds())]
    pub(crate) timeout: u64,
    /// The QEMU to use; otherwise $QEMU, then qemu-system-x86_64.
    #[arg(long, value_name = "PATH")]
    pub(crate) qemu: Option<PathBuf>,
    /// QEMU's machine type.
    #[arg(long, default_value = "q35")]
    pub(crate) machine: String,
    /// The firmware that runs before the image.
    #[arg(long, value_enum, default_value_t = FirmwareRequest::Auto)]
    pub(crate) firmware: FirmwareRequest,
}

/// The choice of `--accel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccelRequest {
    /// KVM where it really works, else TCG.
    Auto,
    /// Hardware virtualization.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

/// The choice of `--net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NetRequest {
    /// QEMU's user network where its listen backlog can be raised, else passt where it is installed.
    Auto,
    /// QEMU's user network.
    User,
    /// passt, a helper process.
    Passt,
}

/// The choice of `--net` where guests are under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadNetRequest {
    /// TAP devices where this user may make them, else passt.
    Auto,
    /// TAP devices in a network of their own.
    Tap,
    /// passt.
    Passt,
}

/// The choice of `--firmware`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FirmwareRequest {
    /// qboot where QEMU has it and the machine is q35 or pc, else the machine's own.
    Auto,
    /// qboot, the quickest.
    Qboot,
    /// The machine's own: SeaBIOS for q35.
    Own,
}
