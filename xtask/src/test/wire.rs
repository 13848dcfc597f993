//! The test layer `wire`: networks with many addresses, routers, losses, floods, and packets that no kernel
//! sends.
//!
//! Each case has networks of its own, which are removed at its end. A case prints every judgment with its
//! evidence. Packets are judged by the RFCs. With `--control`, Linux is judged in the same way.

mod bed;
mod boot;
mod case;
mod cases;
mod control;
mod dial;
mod findings;
mod frames;
mod impaired;
mod namespace;
mod packet;
mod peer;
mod pings;
mod routed;
mod segment;
mod server;
mod shim;
mod topology;

use std::time::Instant;

use super::bed::TestBed;
use super::tally::{Skip, Tally};
use crate::load_network;
use crate::load_network::LoadNetRequest;
use crate::process;
use crate::provision::{self, Removals};
use crate::test::programs::Programs;

use bed::Bed;
use case::WireCase;
use cases::ALL;
use findings::Findings;
use namespace::Namespace;

/// The programs that cases need, each with its Debian package and its use.
const PROGRAMS: [(&str, &str, &str); 2] = [
    ("ip", "iproute2", "it makes networks for tests"),
    ("dnsmasq", "dnsmasq-base", "a DHCP server of the tests"),
];

/// Runs the cases whose names contain `filter`.
pub(super) fn run(bed: &TestBed<'_>, filter: &str) -> anyhow::Result<Tally> {
    for (program, package, why) in PROGRAMS {
        // If the package cannot be installed, the cases that need it are skipped.
        if process::find(program).is_none()
            && let Err(error) = provision::install(&[package], why, Removals::Named)
        {
            process::announce("", &format!("{error:#}"));
        }
    }
    let programs = Programs::prepare(bed)?;
    let mut tally = Tally::default();
    let is_chosen =
        |case: &&WireCase| case.name.contains(filter) && (case.has_control || !bed.wire.control);
    for case in ALL.iter().filter(is_chosen) {
        let start = Instant::now();
        process::announce("Case", case.name);
        let outcome = apart(bed, &programs, case);
        let word = if outcome.is_ok() { "ok" } else { "not ok" };
        process::announce(word, &format!("{} ({:.1} s)", case.name, start.elapsed().as_secs_f64()));
        tally.record(case.name, outcome);
    }
    Ok(tally)
}

/// Runs a case on a thread in a network namespace of its own.
fn apart(bed: &TestBed<'_>, programs: &Programs<'_>, case: &WireCase) -> anyhow::Result<()> {
    load_network::choose(LoadNetRequest::Tap).map_err(|_| Skip("this user may make no network"))?;
    let thread = || -> anyhow::Result<()> {
        let near = Namespace::new()?;
        near.enter()?;
        let (is_long, is_control) = (bed.wire.long, bed.wire.control);
        let bed = Bed { programs, near, is_long, is_control };
        let mut findings = Findings::default();
        (case.run)(&bed, &mut findings)?;
        findings.conclude()
    };
    std::thread::scope(|scope| scope.spawn(thread).join())
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the test panicked")))
}
