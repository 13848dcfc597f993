//! Options that describe the virtual machine of a guest.

use std::path::PathBuf;

use clap::Args;
use runtime_config::cmdline::Config;
use runtime_config::console::LogLevel;
use runtime_config::limits;

use super::values;
use crate::accel::AccelRequest;
use crate::exit::{self, Cause};
use crate::network::NetRequest;
use crate::qemu::Memory;
use crate::qemu::firmware::FirmwareRequest;
use crate::runtime::Runtime;

/// Options that describe the virtual machine of a guest, shared by `run` and `load`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MachineOptions {
    /// The software on which the service runs.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
    /// Number of virtual CPUs.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::cpus())]
    pub(crate) smp: u32,
    /// Number of NUMA nodes. Each node has an equal part of the memory and of the CPUs.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4))]
    pub(crate) numa: u32,
    /// Size of the guest's memory, from 64M to 1024G.
    #[arg(long, default_value = "512M", value_name = "SIZE")]
    pub(crate) memory: Memory,
    /// The accelerator that runs the guest's instructions.
    #[arg(long, value_enum, default_value_t = AccelRequest::Auto)]
    pub(crate) accel: AccelRequest,
    /// The kind of network between this host and the guest.
    #[arg(long, value_enum, default_value_t = NetRequest::Auto)]
    pub(crate) net: NetRequest,
    /// Words to append to the kernel command line, for example "clients=128 names=1000".
    #[arg(long, default_value = "", value_name = "STR")]
    pub(crate) append: String,
    /// Log level of the guest. With this option the whole log of the guest is shown here.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<LogLevel>,
    /// Maximum time from the start of the guest to its first PONG, in seconds.
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = values::seconds())]
    pub(crate) timeout: u64,
    /// Path of the QEMU to use. The default is $QEMU if it is set, and qemu-system-x86_64 otherwise.
    #[arg(long, value_name = "PATH")]
    pub(crate) qemu: Option<PathBuf>,
    /// The machine type of QEMU.
    #[arg(long, default_value = "q35")]
    pub(crate) machine: String,
    /// The firmware that runs before the image.
    #[arg(long, value_enum, default_value_t = FirmwareRequest::Auto)]
    pub(crate) firmware: FirmwareRequest,
}

impl MachineOptions {
    /// Composes the kernel command line from the options, and checks every word before the image is built.
    ///
    /// # Errors
    /// The image would not understand a word, or the line is too long for the image.
    pub(crate) fn command_line(&self) -> anyhow::Result<(String, Config)> {
        let level = self.log.map(|level| format!("log={level}"));
        let words: Vec<_> =
            level.as_deref().into_iter().chain(self.append.split_whitespace()).collect();
        let line = words.join(" ");
        if line.len() >= limits::COMMAND_LINE_BYTES_MAX {
            let message = format!("--append has {} bytes, too many for the image", line.len());
            return Err(exit::failure(Cause::Usage, message));
        }
        let config = Config::parse(&line)
            .map_err(|error| exit::failure(Cause::Usage, format!("--append: {error}")))?;
        if config.http_port == config.resp_port {
            let message = "--append: resp and http are the same port";
            return Err(exit::failure(Cause::Usage, message));
        }
        Ok((line, config))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};

    fn options(words: &[&str]) -> MachineOptions {
        let words = ["xtask", "run"].iter().chain(words);
        let Verb::Run(run) = Cli::parse_from(words).verb else { panic!("not a run") };
        run.machine
    }

    #[test]
    fn words_of_the_user_come_last() {
        let options = options(&["--log", "debug", "--append", "clients=9  resp=7000"]);
        let (line, config) = options.command_line().unwrap();
        assert_eq!(line, "log=debug clients=9 resp=7000");
        assert_eq!((config.clients, config.resp_port), (9, 7000));
    }

    #[test]
    fn words_that_the_image_does_not_know_are_refused() {
        let error = options(&["--append", "client=9"]).command_line().unwrap_err();
        assert_eq!(exit::cause_of(&error), Some(Cause::Usage));
        assert_eq!(error.to_string(), "--append: unknown key client");
        let error = options(&["--append", "resp=8080"]).command_line().unwrap_err();
        assert_eq!(error.to_string(), "--append: resp and http are the same port");
    }
}
