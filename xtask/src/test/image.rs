//! The test layer `image`, whose tests run inside the image. A self-test build runs in QEMU without a
//! network, on machines with one CPU, two CPUs, two nodes, and with `--all` four CPUs. It also runs once for
//! each kind of fatal end.

mod crashes;
mod refusals;

use std::path::Path;

use anyhow::bail;
use runtime_config::verdict::{self, Verdict};

use super::bed::TestBed;
use super::tally::Tally;
use crate::accel::Accel;
use crate::build::Image;
use crate::qemu::firmware::FirmwareRequest;
use crate::runtime::Runtime;
use crate::selftest::machine::{Machine, Run};
use crate::workspace::Workspace;

const fn machine(
    cpus: u32,
    nodes: u32,
    firmware: FirmwareRequest,
    append: &'static str,
) -> Machine<'static> {
    // This guest has no service that could send a PONG, so KVM cannot be tried first.
    let memory = Machine::MEMORY;
    let runtime = Runtime::Bare;
    Machine { runtime, cpus, nodes, memory, accel: Accel::Tcg, firmware, append }
}

/// All machines, with the fast ones first.
const MACHINES: [Machine<'static>; 4] = [
    machine(1, 1, FirmwareRequest::Own, ""),
    machine(2, 1, FirmwareRequest::Auto, ""),
    machine(2, 2, FirmwareRequest::Auto, "selftest=nodes"),
    machine(4, 1, FirmwareRequest::Own, ""),
];

/// Number of machines that are booted without `--all`.
const QUICK: usize = 3;

/// Boots the image on each machine, or only on the fast ones, and judges its output.
pub(super) fn run(bed: &TestBed<'_>, all: bool) -> anyhow::Result<Tally> {
    let image = bed.compile(Image::SelfTest)?;
    let count = if all { MACHINES.len() } else { QUICK };
    let mut sum = Tally::default();
    for machine in MACHINES.into_iter().take(count) {
        sum.add(boot(bed.workspace, &image, Machine { runtime: bed.runtime, ..machine })?);
    }
    sum.add(crashes::run(bed, &image));
    sum.add(refusals::run(bed, &image));
    Ok(sum)
}

fn boot(workspace: &Workspace, image: &Path, machine: Machine<'_>) -> anyhow::Result<Tally> {
    let name = format!("test-image-{}-{}", machine.cpus, machine.nodes);
    let run = machine.run(workspace, image, &name)?;
    let mut tally = tally(&run)?;
    if !machine.is_in(&run) {
        tally.failures.push(format!("not {} CPUs (see {})", machine.cpus, run.log));
    }
    Ok(tally)
}

fn tally(run: &Run) -> anyhow::Result<Tally> {
    let Run { serial, log, .. } = run;
    let failed = || verdict::test_lines(serial).filter(|line| !line.passed);
    match Verdict::judge(run.exit_code, serial) {
        Verdict::Passed { tests } => Ok(Tally { passed: tests, ..Tally::default() }),
        Verdict::Failed { passed, .. } => Ok(Tally {
            passed,
            failures: failed().map(|line| format!("{} (see {log})", line.name)).collect(),
            ..Tally::default()
        }),
        Verdict::Broken(broken) => {
            let words = serial.lines().filter(|line| is_last_word(line)).collect::<Vec<_>>();
            let names = failed().map(|line| line.name).collect::<Vec<_>>().join(" ");
            bail!("{names} {broken}; {} (see {log})", words.join("; "))
        }
    }
}

fn is_last_word(line: &str) -> bool {
    let prefixes = [verdict::FAULT_PREFIX, verdict::PANIC_PREFIX, verdict::REFUSAL_PREFIX];
    prefixes.iter().any(|prefix| line.starts_with(prefix)) || verdict::kernel_stop(line).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_run_counts_its_tests() {
        let serial = "selftest: 1 tests\ntest a ... ok\nselftest: 1 passed, 0 failed\n";
        assert_eq!(tally(&Run::that_left(33, serial)).unwrap().counts(), (1, 0, 0));
    }

    #[test]
    fn a_failed_run_names_its_tests() {
        let serial = "selftest: 2 tests\ntest a ... ok\ntest wp ... FAILED\n\
                      selftest: 1 passed, 1 failed\n";
        let tally = tally(&Run::that_left(35, serial)).unwrap();
        assert_eq!(tally.counts(), (1, 1, 0));
        assert_eq!(tally.failures, ["wp (see serial.log)"]);
    }

    #[test]
    fn a_broken_run_shows_its_last_words() {
        let serial = "selftest: 2 tests\ntest a ... ok\nPANIC src/x.rs:1: no\n";
        let error = tally(&Run::that_left(37, serial)).unwrap_err().to_string();
        assert!(error.contains("exit code 37") && error.contains("PANIC src/x.rs"), "{error}");
    }
}
