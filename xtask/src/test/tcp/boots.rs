//! The test layer `boots`: boots the image repeatedly, to detect faults that occur once in twenty boots.

use anyhow::ensure;

use super::subject::{Setup, Subject};
use crate::test::bed::TestBed;
use crate::test::programs::Programs;
use crate::test::reports;
use crate::test::tally::Tally;

/// Number of boots.
const BOOTS: u32 = 50;
/// Number of CPUs. It is more than one, because the start of an AP may fail.
const CPUS: u32 = 2;

/// Boots the image repeatedly. Each boot must answer with all of its CPUs and pass an audit.
pub(crate) fn run(bed: &TestBed<'_>) -> anyhow::Result<Tally> {
    let programs = Programs::prepare(bed)?;
    let setup = Setup { cpus: CPUS, ..Setup::PLAIN };
    let mut tally = Tally::default();
    for number in 1..=BOOTS {
        let booted = Subject::boot(&programs, setup);
        let outcome = booted.and_then(|mut subject| {
            let outcome = answer(&subject);
            subject.judge(outcome)
        });
        tally.record(&format!("boot {number}"), outcome);
    }
    Ok(tally)
}

fn answer(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    let reply = client.call(&["VBENCH", "1", "LOOPS", "100", "CPUS", &CPUS.to_string()])?;
    let text = reports::text(reply)?;
    let passed = text.matches(" passed: 1 failed: 0 ").count();
    ensure!(passed == CPUS as usize, "VBENCH answers {text}");
    Ok(())
}
