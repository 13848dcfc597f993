//! Tests machines that the image refuses. It must print one line with the actual and the required value, and
//! exit with the code for a refusal.

use std::path::Path;

use anyhow::{Context, ensure};
use runtime_config::limits::{KIB, RAM_BYTES_MIN};
use runtime_config::verdict::{Exit, REFUSAL_PREFIX};

use crate::accel::Accel;
use crate::qemu::Memory;
use crate::qemu::firmware::FirmwareRequest;
use crate::selftest::machine::Machine;
use crate::test::bed::TestBed;
use crate::test::tally::Tally;

/// Boots the image on each machine.
pub(super) fn run(bed: &TestBed<'_>, image: &Path) -> Tally {
    let mut tally = Tally::default();
    for firmware in [FirmwareRequest::Own, FirmwareRequest::Auto] {
        let outcome = too_small(bed, image, firmware);
        tally.record(&format!("refusal::too_small with firmware {firmware:?}"), outcome);
    }
    tally
}

/// Boots a machine with one MiB less than the tool permits, because the image must have the same limit as the
/// tool.
fn too_small(bed: &TestBed<'_>, image: &Path, firmware: FirmwareRequest) -> anyhow::Result<()> {
    let memory = Memory::TOO_SMALL;
    let machine = Machine {
        runtime: bed.runtime,
        cpus: 1,
        nodes: 1,
        memory,
        accel: Accel::Tcg,
        firmware,
        append: "",
    };
    let run = machine.run(bed.workspace, image, "test-refusal")?;
    let (found, wanted) = (run.exit_code, Exit::Refused.qemu_code());
    ensure!(found == Some(wanted), "exit code {found:?}, not {wanted} (see {})", run.log);
    let line = run.serial.lines().find(|line| line.starts_with(REFUSAL_PREFIX));
    let line = line.with_context(|| format!("no {REFUSAL_PREFIX} line (see {})", run.log))?;
    let needed = format!("{} KiB needed", RAM_BYTES_MIN / KIB);
    ensure!(line.contains(&needed), "not {needed:?} in {line}");
    Ok(())
}
