//! The fault injector of a soak test. On a connection of its own, it makes reservations fail, accesses guard
//! pages and audits the image.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};

use super::samples::Size;
use crate::load::violation::Violation;
use crate::load::{answer, counters};
use crate::resp::{Client, Reply};
use crate::workload::Random;

/// The pause between two faults.
const PAUSE: Duration = Duration::from_millis(200);
/// The time between two audits.
const AUDIT: Duration = Duration::from_secs(10);
/// The kinds of reservations that are made to fail. The next constant is the maximum number of reservations
/// that succeed before the failure.
const KINDS: [&str; 4] = ["frame", "table", "area", "region"];
const DELAY: u64 = 200;
/// A guard page is accessed after one in this number of faults.
const PROBES: u64 = 4;
/// Size of the region whose guard page is accessed, in bytes.
const BYTES: u64 = 8192;

/// The thread of the fault injector.
#[derive(Debug)]
pub(super) struct FaultInjector {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<InjectorReport>>,
}

/// The results of the fault injector.
#[derive(Debug, Default)]
pub(super) struct InjectorReport {
    pub(super) sizes: Vec<Size>,
    pub(super) violations: Vec<Violation>,
    pub(super) counts: InjectorCounts,
}

/// How often the injector has performed each action.
#[derive(Debug, Default)]
pub(super) struct InjectorCounts {
    faults: u64,
    probes: u64,
    audits: u64,
}

impl fmt::Display for InjectorCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { faults, probes, audits } = self;
        write!(f, "{faults} reservations made to fail, {probes} guards touched, {audits} audits")
    }
}

impl FaultInjector {
    /// Connects, and starts the thread.
    pub(super) fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let mut client = Client::connect(address)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let work =
            move || inject_and_audit(&mut client, &over).context("the connection beside the load");
        Ok(Self { is_over, thread: std::thread::spawn(work) })
    }

    /// Returns whether the thread has ended early because of a failure. [`end`](Self::end) returns the
    /// reason.
    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends the thread and returns its results.
    pub(super) fn end(self) -> anyhow::Result<InjectorReport> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the connection beside the load panicked"))?
    }
}

fn inject_and_audit(client: &mut Client, is_over: &AtomicBool) -> anyhow::Result<InjectorReport> {
    let (mut report, mut random) = (InjectorReport::default(), Random::new(1, 0));
    let mut audited = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(PAUSE);
        let kind = KINDS[random.index(KINDS.len()).unwrap_or(0)];
        inject(client, kind, 1 + random.below(DELAY))?;
        report.counts.faults += 1;
        if random.is_one_in(PROBES) && probe(client, &mut report.violations)? {
            report.counts.probes += 1;
        }
        if audited.elapsed() >= AUDIT {
            audited = Instant::now();
            report.counts.audits += 1;
            report.violations.extend(counters::check(client).err());
            report.sizes.push(Size::read(&counters::read(client)?)?);
        }
    }
    KINDS.iter().try_for_each(|kind| inject(client, kind, 0))?;
    Ok(report)
}

fn inject(client: &mut Client, kind: &str, number: u64) -> anyhow::Result<()> {
    let reply = client.call(&["VINJECT", kind, &number.to_string()])?;
    ensure!(!reply.is_error(), "VINJECT answers {}", reply.terminal().trim_end());
    Ok(())
}

/// Accesses the guard page of a new region. Returns `false` if the region could not be allocated.
fn probe(client: &mut Client, violations: &mut Vec<Violation>) -> anyhow::Result<bool> {
    let reply = client.call(&["VMALLOC", &BYTES.to_string()])?;
    if matches!(&reply, Reply::Error(error) if answer::is_pressure(error)) {
        return Ok(false);
    }
    let range = answer::allocated(&reply, BYTES);
    let range =
        range.with_context(|| format!("VMALLOC answers {}", reply.terminal().trim_end()))?;
    let guard = format!("{:#x}", range.start + range.mapped);
    let reply = client.call(&["VPROBE", &guard, "w"])?;
    let wanted = format!("fault guard region={} ", range.id);
    if !matches!(&reply, Reply::Bulk(Some(text)) if text.starts_with(wanted.as_bytes())) {
        let (request, answer) =
            (format!("VPROBE {guard} w"), reply.terminal().trim_end().to_owned());
        violations.push(Violation::Answer { request, answer });
    }
    let reply = client.call(&["VFREE", &range.id.to_string()])?;
    ensure!(reply == Reply::Integer(1), "VFREE answers {}", reply.terminal().trim_end());
    Ok(true)
}
