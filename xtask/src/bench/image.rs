//! Starts and measures guests with the image.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use runtime_config::ports;

use super::figures::WorkloadSample;
use super::workloads::Workload;
use crate::accel::Accel;
use crate::build::{self, Image};
use crate::guest::{Guest, GuestPlan};
use crate::instance::Instance;
use crate::network::{self, Network};
use crate::qemu::firmware::FirmwareRequest;
use crate::qemu::{self, Memory, firmware};
use crate::resp::{Client, Reply};
use crate::runtime::Runtime;
use crate::sys::Bond;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// Maximum time from the start of QEMU to the first PONG. It applies to Linux too.
const PONG_LIMIT: Duration = Duration::from_secs(120);
/// Number of loops to request. It is never reached, because the time limit ends a workload earlier.
const LOOPS: &str = "100000000";

/// The settings in which guests differ. All other settings are the same for all guests.
#[derive(Clone, Debug)]
pub(super) struct Setting<'a> {
    pub(super) runtime: Runtime,
    pub(super) memory: Memory,
    pub(super) cpus: u32,
    pub(super) accel: Accel,
    pub(super) append: &'a str,
}

/// Returns the plan of a guest with the image. It uses QEMU's user network, which takes no CPU time while
/// idle.
pub(super) fn plan(workspace: &Workspace, setting: &Setting<'_>) -> anyhow::Result<GuestPlan> {
    let toolchain = Toolchain::ensure(workspace)?;
    let qemu = qemu::ensure(None)?;
    Ok(GuestPlan {
        firmware: firmware::choose(FirmwareRequest::Auto, &qemu, "q35")?,
        qemu,
        image: build::compile(workspace, &toolchain, setting.runtime, Image::Service)?,
        initrd: None,
        machine: "q35".to_owned(),
        cpu: setting.runtime.cpu(),
        memory: setting.memory,
        smp: setting.cpus,
        numa: 1,
        accel: setting.accel,
        network: Some(Network::User),
        card: "",
        append: setting.append.to_owned(),
        host: network::free_port(0)?,
        guest_port: ports::RESP,
        http: None,
    })
}

/// Starts a guest, and waits for its first PONG. Returns the guest and the time until the PONG.
pub(super) fn boot(workspace: &Workspace, plan: GuestPlan) -> anyhow::Result<(Guest, Duration)> {
    boot_as(workspace, "bench", GuestPlan { host: network::free_port(0)?, ..plan })
}

/// Starts a guest with this name. Waits for its first PONG if the plan has a network.
pub(super) fn boot_as(
    workspace: &Workspace,
    name: &str,
    plan: GuestPlan,
) -> anyhow::Result<(Guest, Duration)> {
    let instance = Rc::new(Instance::claim(workspace, name)?);
    let mut guest = Guest::start(plan, instance, Bond::Own)?;
    match guest.wait_for_pong(PONG_LIMIT, || false)? {
        Ok(after) => Ok((guest, after)),
        Err(reason) => Err(guest.explain(&reason, PONG_LIMIT)),
    }
}

/// Measures a workload in the image.
pub(super) fn measure(
    client: &mut Client,
    workload: &Workload,
    cpus: u32,
    ms: u32,
) -> anyhow::Result<Vec<WorkloadSample>> {
    // A first run of a quarter of the time warms up the caches. The kernel module for Linux does the same.
    vbench(client, workload.name, workload.pages, cpus, (ms / 4).max(1))?;
    let text = vbench(client, workload.name, workload.pages, cpus, ms)?;
    let lines = text.lines().filter(|line| line.starts_with("Summary: "));
    let sample = |line: &str| {
        let us = word(line, "avg:")?;
        Some(WorkloadSample::new(
            workload.name,
            workload.pages,
            cpus,
            word(line, "loops:")?,
            us * 1e3,
        ))
    };
    let is_whole = |line: &&str| line.contains(" passed: 1 ") && line.contains(" scale: 100");
    let samples: Vec<_> = lines.filter(is_whole).filter_map(sample).collect();
    if samples.len() != cpus as usize {
        bail!("{} on {cpus} CPUs: {text}", workload.name);
    }
    Ok(samples)
}

/// Sends a `VBENCH` for one workload, and returns its result.
pub(super) fn vbench(
    client: &mut Client,
    name: &str,
    pages: u64,
    cpus: u32,
    ms: u32,
) -> anyhow::Result<String> {
    let [pages, cpus, ms] = [pages, cpus.into(), ms.into()].map(|number| number.to_string());
    let words = ["VBENCH", name, "LOOPS", LOOPS, "PAGES", &pages, "CPUS", &cpus, "MS", &ms];
    match client.call(&words)? {
        Reply::Bulk(Some(bytes)) => String::from_utf8(bytes).context("VBENCH"),
        other => bail!("VBENCH answers {other:?}"),
    }
}

/// Returns the number that follows the word `word` in a line.
pub(super) fn word(line: &str, word: &str) -> Option<f64> {
    let mut words = line.split_whitespace();
    words.find(|found| *found == word)?;
    words.next()?.parse().ok()
}

/// Returns the name of the firmware of a guest, for the heading of the results.
pub(super) fn firmware_name(plan: &GuestPlan) -> String {
    let name = plan.firmware.as_deref().and_then(Path::file_name);
    name.map_or_else(|| "QEMU's own firmware".to_owned(), |name| name.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_their_words() {
        let line = "Summary: a passed: 1 failed: 0 loops: 25 avg: 70 usec cpu: 0";
        assert_eq!((word(line, "loops:"), word(line, "avg:")), (Some(25.0), Some(70.0)));
        assert_eq!(word(line, "ns:"), None);
    }
}
