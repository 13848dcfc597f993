//! Starts the servers under measurement, which run at the same time.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::cell::{BenchRequest, Cell, Job, NAMES, SystemUnderTest};
use super::measure::measure;
use super::sample::RedisBenchmarkSample;
use crate::bench::image;
use crate::guest::{Guest, GuestPlan};
use crate::redis::Redis;
use crate::resp::{self, Client, Reply};
use crate::runtime::Runtime;
use crate::workspace::Workspace;

/// The running servers. Each has answered a `PING`. The servers end when this value is dropped.
#[derive(Debug)]
pub(super) struct Subjects {
    images: Vec<(Runtime, Guest)>,
    guest: Guest,
    native: Redis,
}

impl Subjects {
    /// Starts all servers. The plans describe the guests.
    pub(super) fn start(
        workspace: &Workspace,
        plans: Vec<(Runtime, GuestPlan)>,
        guest: GuestPlan,
        server: &Path,
    ) -> anyhow::Result<Self> {
        let mut images = Vec::new();
        for (runtime, plan) in plans {
            let name = format!("bench-{runtime}");
            images.push((runtime, image::boot_as(workspace, &name, plan)?.0));
        }
        Ok(Self {
            images,
            guest: image::boot_as(workspace, "bench-redis", guest)?.0,
            native: Redis::start(workspace, "bench-native", server, &[])?,
        })
    }

    /// Returns the address of a server.
    ///
    /// # Errors
    /// No image was started on that runtime.
    pub(super) fn address(&self, system: SystemUnderTest) -> anyhow::Result<SocketAddr> {
        let image = |runtime| self.images.iter().find(|(other, _)| *other == runtime);
        Ok(match system {
            SystemUnderTest::Image(runtime) => {
                image(runtime).with_context(|| format!("no {system}"))?.1.plan().host
            }
            SystemUnderTest::Guest => self.guest.plan().host,
            SystemUnderTest::Native => self.native.address(),
        })
    }

    /// Iterates over the images.
    fn images(&self) -> impl Iterator<Item = SystemUnderTest> {
        self.images.iter().map(|&(runtime, _)| SystemUnderTest::Image(runtime))
    }

    /// Sends the command of a cell to an image. Returns the reply if the image does not support the command.
    pub(super) fn refusal(
        &self,
        image: SystemUnderTest,
        request: BenchRequest,
    ) -> anyhow::Result<Option<String>> {
        match self.connect(image)?.call(&request.words("probe"))? {
            // Redis and the image repeat the request after the comma, so that part is removed.
            Reply::Error(text) if text.starts_with("ERR unknown command") => {
                Ok(text.split(',').next().map(str::to_owned))
            }
            _ => Ok(None),
        }
    }

    /// Makes one measurement, and checks that no allocation of an image failed during it.
    pub(super) fn measure(&self, job: Job, requests: u64) -> anyhow::Result<RedisBenchmarkSample> {
        let before = self.lacks(job.system)?;
        let sample = measure(self.address(job.system)?, job.cell, requests)?;
        let lacks = self.lacks(job.system)? - before;
        // With `SOFT`, failed allocations are nulls, which `redis-benchmark` counts as success.
        ensure!(lacks == 0, "{lacks} allocations failed");
        Ok(sample)
    }

    /// Sets all names that `redis-benchmark` can choose, so that every `GET` reads a value.
    pub(super) fn fill(&self, job: Job) -> anyhow::Result<()> {
        let BenchRequest::Get(bytes) = job.cell.request else { return Ok(()) };
        let mut client = self.connect(job.system)?;
        for name in 0..NAMES {
            let words = BenchRequest::Set(bytes).words(&format!("key:{name:012}"));
            client.send(&resp::encode(&words))?;
        }
        for _ in 0..NAMES {
            let reply = client.receive()?;
            ensure!(!reply.is_error(), "SET answers {}", reply.terminal().trim_end());
        }
        Ok(())
    }

    /// Audits every image.
    pub(super) fn audit(&self) -> anyhow::Result<()> {
        for image in self.images() {
            match self.connect(image)?.call(&["VCHECK"])? {
                Reply::Status(text) if text.starts_with("OK") => {}
                other => bail!("{image}: VCHECK answers {}", other.terminal().trim_end()),
            }
        }
        Ok(())
    }

    /// Returns the number of failed allocations of an image since its boot.
    fn lacks(&self, system: SystemUnderTest) -> anyhow::Result<u64> {
        if !matches!(system, SystemUnderTest::Image(_)) {
            return Ok(0);
        }
        let reply = self.connect(system)?.call(&["VSTATS"])?;
        reply.entry("allocations_failed").context("VSTATS has no allocations_failed")
    }

    fn connect(&self, system: SystemUnderTest) -> anyhow::Result<Client> {
        Client::connect(self.address(system)?).with_context(|| format!("{system} does not answer"))
    }
}

/// Returns the measurements whose command an image does not support, each with the reply of the image.
pub(super) fn refused(subjects: &Subjects, cells: &[Cell]) -> anyhow::Result<Vec<(Job, String)>> {
    let mut refused = Vec::new();
    for image in subjects.images() {
        for &cell in cells {
            let why = subjects.refusal(image, cell.request)?;
            refused.extend(why.map(|why| (Job::beside(cell, image), why)));
        }
    }
    Ok(refused)
}
