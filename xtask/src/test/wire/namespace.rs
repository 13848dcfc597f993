//! Network namespaces. Several exist at the same time, and a thread enters one of them to create sockets.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

use anyhow::Context;

use crate::{process, sys};

/// A network namespace without a name. The kernel removes it when no file, process and socket uses it.
#[derive(Debug)]
pub(super) struct Namespace {
    handle: File,
}

impl Namespace {
    /// Creates a namespace in which the loopback device is up.
    pub(super) fn new() -> anyhow::Result<Self> {
        let make = || {
            sys::leave_network()?;
            sys::own_network()
        };
        let made = thread::scope(|scope| scope.spawn(make).join());
        let handle = made.map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        let namespace = Self { handle: handle.context("no network namespace")? };
        namespace.ip("link set lo up")?;
        // The kernel's own IPv6 packets would be frames that no case has sent, so IPv6 is disabled.
        let _ = namespace.set("../ipv6/conf/default/disable_ipv6", "1");
        Ok(namespace)
    }

    /// Moves the calling thread into the namespace permanently.
    pub(super) fn enter(&self) -> io::Result<()> {
        sys::enter_network(&self.handle)
    }

    /// Runs `work` on a thread in the namespace. Sockets that it creates stay in the namespace.
    pub(super) fn within<R: Send>(
        &self,
        work: impl FnOnce() -> io::Result<R> + Send,
    ) -> io::Result<R> {
        let thread = || self.enter().and_then(|()| work());
        let joined = thread::scope(|scope| scope.spawn(thread).join());
        joined.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
    }

    /// Runs the program `ip` with these words in the namespace.
    pub(super) fn ip(&self, words: &str) -> anyhow::Result<()> {
        self.run("ip", words)
    }

    /// Runs a program with these words in the namespace. The program must succeed.
    pub(super) fn run(&self, program: &str, words: &str) -> anyhow::Result<()> {
        let work = || {
            process::succeed(Command::new(program).args(words.split(' ')))
                .map(|_| ())
                .map_err(|error| io::Error::other(format!("{error:#}")))
        };
        Ok(self.within(work)?)
    }

    /// Sets a value below `/proc/sys/net/ipv4`.
    pub(super) fn set(&self, setting: &str, value: &str) -> anyhow::Result<()> {
        let path = format!("/proc/sys/net/ipv4/{setting}");
        self.within(|| fs::write(&path, value)).with_context(|| path.clone())
    }

    /// Returns whether the namespace has a device.
    pub(super) fn has(&self, device: &str) -> io::Result<bool> {
        self.within(|| Ok(fs::read_to_string("/proc/thread-self/net/dev")?.contains(device)))
    }

    /// Returns a path with which `ip` can open the namespace.
    pub(super) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.handle.as_raw_fd())
    }
}
