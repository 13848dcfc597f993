//! Measures Linux: boots it with a kernel module that runs the workloads.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::figures::WorkloadSample;
use super::image::word;
use crate::guest::{Guest, GuestPlan};
use crate::instance::Instance;
use crate::linux::Linux;
use crate::sys::Bond;
use crate::workspace::Workspace;

/// Maximum time of the boot and of everything except the workloads themselves.
const LIMIT: Duration = Duration::from_secs(600);

/// Boots Linux on the same virtual machine as the image. Returns the measurements of the kernel module.
pub(super) fn measure(
    workspace: &Workspace,
    linux: &Linux,
    image: &GuestPlan,
    cpus: &str,
    ms: u32,
) -> anyhow::Result<Vec<WorkloadSample>> {
    let (files, line) = linux.bench(&format!("ms={ms} cpus={cpus}"))?;
    let plan = GuestPlan {
        image: linux.kernel(),
        initrd: Some(files),
        append: line,
        network: None,
        ..image.clone()
    };
    let instance = Rc::new(Instance::claim(workspace, "bench-linux")?);
    let mut guest = Guest::start(plan, Rc::clone(&instance), Bond::Own)?;
    let ended = guest.wait_for_end(LIMIT)?;
    drop(guest);
    let log = std::fs::read(instance.serial()).context("the console of Linux")?;
    let log = String::from_utf8_lossy(&log);
    if ended.is_none() || !log.contains("vmbench: done") {
        bail!("Linux did not finish (see {})", workspace.show(&instance.serial()));
    }
    Ok(log.lines().filter_map(sample).collect())
}

/// Parses lines of the form `… vmbench: NAME pages: P cpus: C cpu: I loops: L ns: T`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers of our own module"
)]
fn sample(line: &str) -> Option<WorkloadSample> {
    let (_, line) = line.split_once("vmbench: ")?;
    let name = line.split(' ').next()?;
    let [pages, cpus, loops, ns] = ["pages:", "cpus:", "loops:", "ns:"].map(|key| word(line, key));
    Some(WorkloadSample::new(name, pages? as u64, cpus? as u32, loops?, ns?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_module_are_read() {
        let line = "[ 2.9] vmbench: pair_test pages: 16 cpus: 2 cpu: 1 loops: 20 ns: 300";
        assert_eq!(sample(line), Some(WorkloadSample::new("pair_test", 16, 2, 20.0, 300.0)));
        assert_eq!(sample("[ 2.9] vmbench: done"), None);
        assert_eq!(sample("[ 2.9] vmbench: loading out-of-tree module"), None);
    }
}
