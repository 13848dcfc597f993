//! Redis as a process of this host.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::instance::Instance;
use crate::network;
use crate::resp::client;
use crate::sys::{self, Bond};
use crate::workspace::Workspace;

/// How long it may take to its first PONG.
const PONG_LIMIT: Duration = Duration::from_secs(20);
/// How long one PING may wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// A Redis that has answered. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Native {
    address: SocketAddr,
    child: Child,
    /// The name, taken as long as it lives.
    _instance: Instance,
}

impl Native {
    /// Starts it on a free port of the loopback device. It keeps nothing on the disk.
    pub(super) fn start(workspace: &Workspace, server: &Path) -> anyhow::Result<Self> {
        let instance = Instance::claim(workspace, "bench-native")?;
        let address = network::free_port(0)?;
        let log = File::create(instance.path("redis.log"))?;
        let mut command = Command::new(server);
        // Debian's has one program for the server and the tools, and is the server under that name.
        command.arg0("redis-server").current_dir(instance.folder());
        command.args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string()]);
        command.args(["--save", "", "--appendonly", "no"]);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        sys::bind(&mut command, Bond::Own, &[]);
        let child = command.spawn().with_context(|| server.display().to_string())?;
        let native = Self { address, child, _instance: instance };
        let deadline = Instant::now() + PONG_LIMIT;
        while !client::pongs(address, PATIENCE) {
            if Instant::now() > deadline {
                bail!("{} does not answer on this host", server.display());
            }
            std::thread::sleep(PATIENCE);
        }
        Ok(native)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
