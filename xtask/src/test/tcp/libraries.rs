//! The test layer `clients`: client libraries, in fixed versions from their package registries.
//!
//! Each case boots its own image. If a client cannot be installed, its case is skipped.

mod balancer;
mod context;
mod install;
mod monitor;
mod script;
mod suite;

use std::time::Instant;

use crate::test::programs::Programs;
use context::LibraryContext;

use super::subject::{Setup, Subject};
use crate::network::NetRequest;
use crate::process;
use crate::test::bed::TestBed;
use crate::test::tally::Tally;

/// The name of a client, and its test.
type LibraryCase = (&'static str, fn(&LibraryContext<'_>) -> anyhow::Result<()>);

const CASES: &[LibraryCase] = &[
    ("redis-py", script::redis_py),
    ("redis-py asyncio", script::redis_py_asyncio),
    ("redis-py's own tests", suite::run),
    ("valkey-glide", script::valkey_glide),
    ("Django's cache", script::django),
    ("node-redis", script::node_redis),
    ("ioredis", script::ioredis),
    ("redis-rs", script::redis_rs),
    ("fred", script::fred),
    ("hiredis", script::hiredis),
    ("redis_exporter and Prometheus", monitor::run),
    ("haproxy", balancer::run),
];

/// Runs the cases whose names contain `filter`.
pub(crate) fn run(bed: &TestBed<'_>, filter: &str) -> anyhow::Result<Tally> {
    let (workspace, programs) = (bed.workspace, Programs::prepare(bed)?);
    let setup = Setup { network: NetRequest::User, ..Setup::PLAIN };
    let mut tally = Tally::default();
    for (name, run) in CASES.iter().filter(|(name, _)| name.contains(filter)) {
        let start = Instant::now();
        let booted = Subject::boot(&programs, setup);
        let outcome = booted.and_then(|mut subject| {
            let outcome = run(&LibraryContext { workspace, subject: &subject });
            subject.judge(outcome)
        });
        let word = if outcome.is_ok() { "ok" } else { "not ok" };
        process::announce(word, &format!("{name} ({:.1} s)", start.elapsed().as_secs_f64()));
        tally.record(name, outcome);
    }
    Ok(tally)
}
