//! The layer that runs inside the image: a self-test build, alone in QEMU, on machines with one CPU,
//! two, two nodes, and with `--all` four CPUs.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::bail;
use runtime_config::verdict::{self, Verdict};

use super::tally::Tally;
use crate::accel;
use crate::build::{self, Image};
use crate::cli::{AccelRequest, FirmwareRequest};
use crate::guest::{Guest, Plan};
use crate::instance::Instance;
use crate::network::{self, Network};
use crate::qemu::{self, firmware};
use crate::sys::Bond;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The longest that the image's own tests may take.
const LIMIT: Duration = Duration::from_secs(300);

/// A guest.
#[derive(Clone, Copy, Debug)]
struct Machine {
    cpus: u32,
    nodes: u32,
    /// qboot leaves devices without addresses, SeaBIOS does not.
    firmware: FirmwareRequest,
    /// The tests that it runs: those whose name contains it.
    tests: &'static str,
}

/// All guests, the quick ones first.
const MACHINES: [Machine; 4] = [
    Machine { cpus: 1, nodes: 1, firmware: FirmwareRequest::Own, tests: "" },
    Machine { cpus: 2, nodes: 1, firmware: FirmwareRequest::Auto, tests: "" },
    Machine { cpus: 2, nodes: 2, firmware: FirmwareRequest::Auto, tests: "nodes" },
    Machine { cpus: 4, nodes: 1, firmware: FirmwareRequest::Own, tests: "" },
];

/// Those of them that every run of the tests boots.
const QUICK: usize = 3;

/// Builds the self-test image.
pub(super) fn compile(workspace: &Workspace, toolchain: &Toolchain) -> anyhow::Result<PathBuf> {
    build::compile(workspace, toolchain, Image::SelfTest)
}

/// Boots it on each machine, or on the quick ones, and judges what it says.
pub(super) fn run(
    workspace: &Workspace,
    toolchain: &Toolchain,
    all: bool,
) -> anyhow::Result<Tally> {
    let image = compile(workspace, toolchain)?;
    let mut sum = Tally::default();
    for machine in MACHINES.into_iter().take(if all { MACHINES.len() } else { QUICK }) {
        sum.add(boot(workspace, image.clone(), machine)?);
    }
    Ok(sum)
}

fn boot(workspace: &Workspace, image: PathBuf, machine: Machine) -> anyhow::Result<Tally> {
    let Machine { cpus, nodes, firmware, tests } = machine;
    let qemu = qemu::ensure(None)?;
    let plan = Plan {
        firmware: firmware::choose(firmware, &qemu, "q35")?,
        qemu,
        image,
        initrd: None,
        machine: "q35".to_owned(),
        cpu: qemu::CPU,
        memory: "256M".to_owned(),
        smp: cpus,
        numa: nodes,
        // A guest without a service has no PONG to put KVM on trial with.
        accel: accel::choose(AccelRequest::Tcg).accel,
        network: Some(Network::User),
        append: if tests.is_empty() { String::new() } else { format!("selftest={tests}") },
        host: network::free_port(0)?,
        guest_port: runtime_config::ports::RESP,
    };
    let instance = Rc::new(Instance::claim(workspace, &format!("test-image-{cpus}-{nodes}"))?);
    let mut guest = Guest::start(plan, Rc::clone(&instance), Bond::Own)?;
    let status = guest.wait_for_end(LIMIT)?;
    drop(guest);
    let serial = std::fs::read(instance.serial())?;
    let serial = String::from_utf8_lossy(&serial);
    let log = || workspace.show(&instance.serial());
    let mut tally = tally(status.and_then(|status| status.code()), &serial, log)?;
    // A CPU that does not start would only make the tests easier.
    let machine = format!("{cpus} CPUs, {nodes} nodes");
    if !serial.contains(&machine) {
        tally.failures.push(format!("not {machine} (see {})", log()));
    }
    Ok(tally)
}

fn tally(exit_code: Option<i32>, serial: &str, log: impl Fn() -> String) -> anyhow::Result<Tally> {
    let failed = || verdict::test_lines(serial).filter(|line| !line.passed);
    match Verdict::judge(exit_code, serial) {
        Verdict::Passed { tests } => Ok(Tally { passed: tests, ..Tally::default() }),
        Verdict::Failed { passed, .. } => Ok(Tally {
            passed,
            failures: failed().map(|line| format!("{} (see {})", line.name, log())).collect(),
            ..Tally::default()
        }),
        Verdict::Broken(broken) => {
            let words = serial.lines().filter(|line| is_last_word(line)).collect::<Vec<_>>();
            let names = failed().map(|line| line.name).collect::<Vec<_>>().join(" ");
            bail!("{names} {broken}; {} (see {})", words.join("; "), log())
        }
    }
}

fn is_last_word(line: &str) -> bool {
    let prefixes = [verdict::FAULT_PREFIX, verdict::PANIC_PREFIX, verdict::REFUSAL_PREFIX];
    prefixes.iter().any(|prefix| line.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> String {
        "serial.log".to_owned()
    }

    #[test]
    fn a_passed_run_counts_its_tests() {
        let serial = "selftest: 1 tests\ntest a ... ok\nselftest: 1 passed, 0 failed\n";
        assert_eq!(tally(Some(33), serial, log).unwrap().counts(), (1, 0, 0));
    }

    #[test]
    fn a_failed_run_names_its_tests() {
        let serial = "selftest: 2 tests\ntest a ... ok\ntest wp ... FAILED\n\
                      selftest: 1 passed, 1 failed\n";
        let tally = tally(Some(35), serial, log).unwrap();
        assert_eq!(tally.counts(), (1, 1, 0));
        assert_eq!(tally.failures, ["wp (see serial.log)"]);
    }

    #[test]
    fn a_broken_run_shows_its_last_words() {
        let serial = "selftest: 2 tests\ntest a ... ok\nPANIC src/x.rs:1: no\n";
        let error = tally(Some(37), serial, log).unwrap_err().to_string();
        assert!(error.contains("exit code 37") && error.contains("PANIC src/x.rs"), "{error}");
    }
}
