//! Time since boot in microseconds, from the TSC.
//!
//! Its frequency comes from CPUID where the processor or the hypervisor says it, else it is
//! measured once against the 8254, together with the timer of the local APIC.

#![expect(unsafe_code, reason = "reads the TSC")]

use core::arch::x86_64::_rdtsc;
use core::fmt;

use raw_cpuid::CpuId;
use spin::Once;

use crate::hardware::cpu::apic;
use crate::hardware::pit;
use crate::platform::rate::Rate;

/// How long a measurement lasts. The error is about a port access, so below one in a thousand.
const MEASURE_TICKS: u64 = pit::HZ / 200;
/// Readings before a measurement is given up: on a machine without an 8254 the count stands still.
const MEASURE_READS_MAX: u32 = 1_000_000;
/// Readings of which the quickest counts.
const SAMPLE_READS: u32 = 5;

struct Clock {
    start: u64,
    tsc: Rate,
    timer: Rate,
}

static CLOCK: Once<Clock> = Once::new();

/// Where a frequency came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// CPUID leaf 0x15.
    Processor,
    /// CPUID leaf 0x40000010.
    Hypervisor,
    /// Measured.
    Pit,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Processor => "CPUID 0x15",
            Self::Hypervisor => "CPUID 0x40000010",
            Self::Pit => "the 8254",
        })
    }
}

/// Starts the clock, and says with what frequency and why.
///
/// # Errors
///
/// There is nothing to measure with.
///
/// # Context
///
/// After [`apic::attach`].
pub(crate) fn init() -> Result<(Rate, Source), NoClock> {
    apic::start_timer(u32::MAX);
    let measured = measure(apic::timer_left);
    apic::start_timer(0);
    let measured = measured.ok_or(NoClock)?;
    let timer = Rate::from_hz(measured.timer_hz).ok_or(NoClock)?;
    let measured_tsc = || Some((Rate::from_hz(measured.tsc_hz)?, Source::Pit));
    let (tsc, source) = announced().or_else(measured_tsc).ok_or(NoClock)?;
    CLOCK.call_once(|| Clock { start: ticks(), tsc, timer });
    Ok((tsc, source))
}

/// Says that the machine has no clock that the image knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoClock;

impl fmt::Display for NoClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no timer answers to measure the TSC with")
    }
}

fn announced() -> Option<(Rate, Source)> {
    let cpuid = CpuId::new();
    if let Some(hz) = cpuid.get_tsc_info().and_then(|info| info.tsc_frequency()) {
        return Some((Rate::from_hz(hz)?, Source::Processor));
    }
    let khz = cpuid.get_hypervisor_info()?.tsc_frequency()?;
    Some((Rate::from_hz(u64::from(khz) * 1000)?, Source::Hypervisor))
}

/// Frequencies against the 8254.
pub(crate) struct Measured {
    /// The TSC.
    pub(crate) tsc_hz: u64,
    /// The timer.
    pub(crate) timer_hz: u64,
}

/// Measures the TSC and a timer that counts down, `None` where there is no 8254. Takes 5 ms.
pub(crate) fn measure(timer: fn() -> u32) -> Option<Measured> {
    pit::start();
    let first = sample(timer);
    for _ in 0..MEASURE_READS_MAX {
        if pit::elapsed(first.pit, pit::read()) < MEASURE_TICKS {
            continue;
        }
        let last = sample(timer);
        let passed = pit::elapsed(first.pit, last.pit);
        return Some(Measured {
            tsc_hz: (last.tsc - first.tsc) * pit::HZ / passed,
            timer_hz: u64::from(first.timer.saturating_sub(last.timer)) * pit::HZ / passed,
        });
    }
    None
}

/// The three clocks at one moment.
struct Sample {
    pit: u16,
    tsc: u64,
    timer: u32,
}

/// Reads the clocks a few times and keeps the quickest: whatever interrupts the guest between two
/// ports makes a reading slow, and a slow one wrong.
fn sample(timer: fn() -> u32) -> Sample {
    let mut best = (u64::MAX, Sample { pit: 0, tsc: 0, timer: 0 });
    for _ in 0..SAMPLE_READS {
        let before = ticks();
        let pit = pit::read();
        let timer = timer();
        let took = ticks() - before;
        if took < best.0 {
            best = (took, Sample { pit, tsc: before + took / 2, timer });
        }
    }
    best.1
}

/// The TSC.
pub(crate) fn ticks() -> u64 {
    // SAFETY: every processor with long mode has a TSC.
    unsafe { _rdtsc() }
}

/// Microseconds since [`init`], 0 before it. Never falls on one CPU.
pub(crate) fn now_us() -> u64 {
    CLOCK.get().map_or(0, |clock| clock.tsc.micros(ticks().saturating_sub(clock.start)))
}

/// Waits until something has happened, at most `us` microseconds, and says whether it has.
///
/// # Context
///
/// For short waits at boot and in tests: it spins.
pub(crate) fn wait(us: u64, has_happened: impl Fn() -> bool) -> bool {
    let start_us = now_us();
    loop {
        if has_happened() {
            return true;
        }
        if now_us() - start_us >= us {
            return false;
        }
        core::hint::spin_loop();
    }
}

/// Timer ticks that last `us` microseconds: at least 1, at most what the timer can count.
pub(crate) fn timer_ticks(us: u64) -> u32 {
    let ticks = CLOCK.get().map_or(1, |clock| clock.timer.ticks(us));
    u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
}
