//! Debian's Redis as a process of this host.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::instance::Instance;
use crate::network;
use crate::process;
use crate::resp::client;
use crate::sys::{self, Bond};
use crate::workspace::Workspace;

/// Longest time from the start to the first PONG.
const PONG_LIMIT: Duration = Duration::from_secs(20);
/// Longest wait for one PONG.
const PATIENCE: Duration = Duration::from_millis(50);

/// A Redis server that has answered a PING. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Redis {
    address: SocketAddr,
    child: Child,
    /// The name, claimed for the life of the process.
    _instance: Instance,
}

impl Redis {
    /// Starts `server` on a free port of the loopback device, with further options. It does not write to
    /// the disk.
    pub(crate) fn start(
        workspace: &Workspace,
        name: &str,
        server: &Path,
        options: &[&str],
    ) -> anyhow::Result<Self> {
        Self::start_at(workspace, name, server, network::free_port(0)?, options)
    }

    /// Starts `server` in the network namespace of the calling thread, listening on `address`, and waits until it
    /// answers a PING.
    pub(crate) fn start_at(
        workspace: &Workspace,
        name: &str,
        server: &Path,
        address: SocketAddr,
        options: &[&str],
    ) -> anyhow::Result<Self> {
        let instance = Instance::claim(workspace, name)?;
        let log = File::create(instance.path("redis.log"))?;
        let mut command = Command::new(server);
        // Debian's package has one program for the server and the tools; its name selects the mode.
        command.arg0("redis-server").current_dir(instance.folder());
        command.args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string()]);
        command.args(["--save", "", "--appendonly", "no"]).args(options);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        sys::bind(&mut command, Bond::Own, &[]);
        let child = command.spawn().with_context(|| server.display().to_string())?;
        let redis = Self { address, child, _instance: instance };
        let deadline = Instant::now() + PONG_LIMIT;
        while !client::pongs(address, PATIENCE) {
            if Instant::now() > deadline {
                bail!("{} does not answer on this host", server.display());
            }
            std::thread::sleep(PATIENCE);
        }
        Ok(redis)
    }

    /// Returns the address of the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the process ends by itself; returns `None` if the time limit is exceeded.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
        process::wait(&mut self.child, limit).context("waiting for Redis")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
