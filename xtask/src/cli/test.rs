//! Options of `test` and `selftest`.

use clap::{Args, ValueEnum};

use super::values;
use crate::accel::AccelRequest;
use crate::runtime::Runtime;

/// Options of `test`.
#[derive(Args, Debug)]
pub(crate) struct TestOptions {
    /// The layers to run. By default all of them, but `wire`, `differential`, `clients`, `boots`,
    /// `browser` and `package` only with --all.
    #[arg(value_enum)]
    pub(crate) layers: Vec<LayerName>,
    /// Runs the longer tests too: the image's own tests on 4 CPUs, on Hermit the layers `image` and `tcp`
    /// on one CPU and on two and a load, the replies of Debian's Redis compared with the image's, client
    /// libraries, 50 boots in a row, the page in a browser, and the packaged library.
    #[arg(long)]
    pub(crate) all: bool,
    /// Runs only the tests whose name contains this, in the lints, unit, model (FILE::PART), loom,
    /// tcp, hermit, wire, differential and clients layers.
    #[arg(long, default_value = "", value_name = "PART")]
    pub(crate) filter: String,
    /// Selects the runtime of the image in the layers that boot one. With `hermit` and no named layer, only
    /// `image` and `tcp` run, and with --all also `wire`, `differential`, `clients`, `boots` and `browser`. With
    /// `bare`, the default, all layers run, and the layer `hermit` runs a part of the tests on Hermit.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
    /// The fewest CPUs of the guests in the layers `tcp`, `differential` and `clients`.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// Runs no layer, but a load with injected faults and audits for this number of minutes; correctness,
    /// speed and memory must not degrade.
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["layers", "all", "filter", "smp"],
        value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub(crate) soak: Option<u64>,
    #[command(flatten)]
    pub(crate) wire: WireOptions,
}

/// Options of the layer `wire`.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct WireOptions {
    /// Lets the cases of the layer `wire` run for their documented durations, which take minutes each.
    #[arg(long)]
    pub(crate) long: bool,
    /// Runs the cases of the layer `wire` that need no image against Debian's Redis on Linux instead, which
    /// validates the cases.
    #[arg(long)]
    pub(crate) control: bool,
}

/// The layers of the tests, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LayerName {
    /// Structure, language, format, clippy and rustdoc, for the host and for the image.
    Lints,
    /// Unit and documentation tests.
    Unit,
    /// The library on a simulated machine.
    Model,
    /// The library's lock-free parts under the loom model checker.
    Loom,
    /// The service over a loopback network, without QEMU.
    Loopback,
    /// The image's own tests, in QEMU.
    Image,
    /// Clients over TCP against the image.
    Tcp,
    /// The image on the Hermit kernel.
    Hermit,
    /// The image on networks with routers, losses, floods and forged packets.
    Wire,
    /// The replies of Debian's Redis and of the image, byte by byte.
    Differential,
    /// Client libraries from their registries against the image.
    Clients,
    /// Repeated boots, each of which must answer.
    Boots,
    /// The page in Chromium.
    Browser,
    /// The packaged library, outside of the workspace.
    Package,
}

/// Options of `selftest`.
#[derive(Args, Debug)]
pub(crate) struct SelftestOptions {
    /// The software below the image.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
    /// The accelerator that runs the guest's instructions; KVM is not tried first here.
    #[arg(long, value_enum, default_value_t = AccelRequest::Tcg)]
    pub(crate) accel: AccelRequest,
    /// CPUs of the test for stale translations, at the end.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// Duration of that test in seconds.
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=240))]
    pub(crate) seconds: u32,
}
