//! Options of `run` and `stop`.

use clap::Args;
use runtime_config::ports;

use super::MachineOptions;

/// Options of `run`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunOptions {
    /// Returns after the first PONG, and leaves the guest running.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Name of the guest. The files of the guest are in target/run/NAME.
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// Port of the RESP service on this host. With 0, a free port is chosen.
    #[arg(long, default_value_t = ports::RESP, value_name = "P")]
    pub(crate) port: u16,
    /// Port of the HTTP reports on this host. With 0, a free port is chosen [default: 8080 if that port is
    /// free and --port is not given]
    #[arg(long, value_name = "P")]
    pub(crate) http_port: Option<u16>,
    /// Prints the planned actions without performing them.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
}

/// Options of `stop`.
#[derive(Args, Debug)]
pub(crate) struct StopOptions {
    /// Name of the guest to end.
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
}
