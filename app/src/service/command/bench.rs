//! `VBENCH`: runs benchmarks like those of Linux's `test_vmalloc`, and words its summary in the
//! same way.

use core::fmt::{self, Display, Write};

use runtime_config::limits;
use vmalloc::{Access, Stats};

use crate::bench::{self, CpuResult, Plan, WORKLOADS, Workload};
use crate::resp;
use crate::service::call::{Begun, Call, Never};
use crate::service::failure::{Failure, Word};

const LOOPS_DEFAULT: u64 = 10_000;
const LOOPS_MAX: u64 = 100_000_000;
const PAGES_MAX: u64 = 4096;
/// Maximum total duration of the loops of one call, in microseconds. It is limited because no other
/// request is served during a benchmark. The setup of a workload outside its loop is not included.
const US_MAX: u64 = limits::BENCH_MS_MAX as u64 * 1000;

/// The options of a `VBENCH`.
struct BenchOptions {
    cpus: u64,
    loops: u64,
    pages: u64,
    /// The maximum duration of each workload, in milliseconds.
    ms: u64,
}

/// Serves `VBENCH all|name|mask [CPUS n] [LOOPS n] [PAGES n] [MS n]`: replies with a line for each
/// workload and CPU, and with the changes that the workload made to page tables and TLBs. If the
/// reply overflows, the retried request runs the workload again.
pub(in crate::service) fn vbench<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Never>, Failure> {
    let mask = mask(call.argument(1))?;
    // The benchmark needs APs that may have operations in flight.
    if !call.parts.workers.hold(call.session.owner.number) {
        return Ok(Begun::Wait(None));
    }
    let (vm, clock) = (call.parts.store.vm, call.parts.store.clock.read);
    let crew = call.parts.crew.unwrap_or(bench::alone);
    let limit = call.parts.crew.map_or(1, |_| vm.machine().count());
    let options = BenchOptions::parse(call.arguments.iter().skip(2), limit.into())?;
    let chosen = || (0..).zip(WORKLOADS).filter(|(_, workload)| workload.mask & mask != 0);
    let us = (US_MAX / chosen().count().max(1) as u64).min(options.ms * 1000);
    let mut result = Ok(());
    call.reply.bulk_by(|reply| {
        for (number, workload) in chosen() {
            let BenchOptions { loops, pages, .. } = options;
            let cpus = u32::try_from(options.cpus).unwrap_or(limit);
            let clock = clock.unwrap_or(|| 0);
            let plan = Plan { workload: number, cpus, loops, pages, us, clock };
            let before = vm.stats();
            let Some(outcomes) = bench::run(vm, crew, plan) else {
                result = Err(Failure::Busy("another VBENCH runs"));
                return;
            };
            for (cpu, outcome) in outcomes.iter().take(cpus as usize).enumerate() {
                let outcome = *outcome;
                // Writing to a reply cannot fail.
                let _ = write!(reply, "{}", Summary { workload, cpu, outcome });
            }
            let _ = write!(reply, "{}", Effect { before, after: vm.stats() });
        }
    });
    result.map(|()| Begun::Answered)
}

/// Parses a set of workloads (`all`, a name, or a number) into a bit mask.
fn mask(text: &[u8]) -> Result<u32, Failure> {
    if text.eq_ignore_ascii_case(b"all") {
        return Ok(u32::MAX);
    }
    if let Some(named) = WORKLOADS.iter().find(|workload| workload.name.as_bytes() == text) {
        return Ok(named.mask);
    }
    let known: u32 = WORKLOADS.iter().map(|workload| workload.mask).sum();
    let bits = resp::decimal(text).and_then(|bits| u32::try_from(bits).ok());
    bits.filter(|bits| *bits != 0 && bits & !known == 0).ok_or_else(|| {
        Failure::Invalid("a workload is all, a name, or the sum of some masks", Word::new(text))
    })
}

impl BenchOptions {
    fn parse<'a>(mut words: impl Iterator<Item = &'a [u8]>, cpus: u64) -> Result<Self, Failure> {
        let mut options = Self { cpus: 1, loops: LOOPS_DEFAULT, pages: 1, ms: US_MAX / 1000 };
        while let Some(word) = words.next() {
            let (place, limit, what) = if word.eq_ignore_ascii_case(b"CPUS") {
                (&mut options.cpus, cpus, "CPUS is 1 to the number of CPUs")
            } else if word.eq_ignore_ascii_case(b"LOOPS") {
                (&mut options.loops, LOOPS_MAX, "LOOPS is 1 to 100000000")
            } else if word.eq_ignore_ascii_case(b"PAGES") {
                (&mut options.pages, PAGES_MAX, "PAGES is 1 to 4096")
            } else if word.eq_ignore_ascii_case(b"MS") {
                (&mut options.ms, US_MAX / 1000, "MS is 1 to 10000")
            } else {
                return Err(Failure::Option(Word::new(word)));
            };
            let value = words.next().ok_or_else(|| Failure::NoValue(Word::new(word)))?;
            let number = resp::decimal(value).filter(|number| (1..=limit).contains(number));
            *place = number.ok_or_else(|| Failure::Invalid(what, Word::new(value)))?;
        }
        Ok(options)
    }
}

/// The summary line of a workload in the words of Linux, followed by additional figures.
struct Summary {
    workload: Workload,
    cpu: usize,
    outcome: CpuResult,
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CpuResult { loops, us, failed, scale } = self.outcome;
        let ns = (us * 1000).checked_div(loops).unwrap_or(0);
        let (passed, failed) = (u32::from(!failed), u32::from(failed));
        let Self { workload: Workload { name, .. }, cpu, .. } = self;
        writeln!(
            f,
            "Summary: {name} passed: {passed} failed: {failed} repeat: 1 loops: {loops} \
             avg: {us} usec cpu: {cpu} ns: {ns} scale: {scale}"
        )
    }
}

/// The differences of the library's counters between the begin and the end of one workload.
struct Effect {
    before: Stats,
    after: Stats,
}

impl Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after } = self;
        writeln!(
            f,
            "Effect: purges: {} full: {} pages: {} interrupts: {} tables: {} to {}",
            after.purges - before.purges,
            after.shootdowns_full - before.shootdowns_full,
            after.shootdowns_pages - before.shootdowns_pages,
            after.interrupts - before.interrupts,
            before.table_pages,
            after.table_pages,
        )
    }
}
