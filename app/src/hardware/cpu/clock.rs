//! Measures the time since boot in microseconds with the time stamp counter (TSC).
//!
//! The frequency of the TSC is read from CPUID if the processor or the hypervisor reports it there. Otherwise the
//! frequency is measured at boot with the 8254 timer. The frequency of the local APIC's timer is always measured.

#![expect(unsafe_code, reason = "reads the TSC")]

use core::arch::x86_64::_rdtsc;
use core::fmt;

use raw_cpuid::CpuId;
use spin::Once;

use crate::hardware::cpu::apic;
use crate::hardware::pit;
use crate::platform::rate::Rate;

/// Duration of a measurement in ticks of the 8254: 5 ms. Its error is about the duration of one port access, less than
/// one in a thousand.
const MEASURE_TICKS: u64 = pit::HZ / 200;
/// Number of readings after which a measurement fails. On a machine without an 8254 the count never changes.
const MEASURE_READS_MAX: u32 = 1_000_000;
/// Number of times that the clocks are read for one sample. The fastest reading is used.
const SAMPLE_READS: u32 = 5;

struct Clock {
    start: u64,
    tsc: Rate,
    timer: Rate,
}

static CLOCK: Once<Clock> = Once::new();

/// The source of the frequency of the TSC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// CPUID leaf 0x15.
    Processor,
    /// CPUID leaf 0x40000010.
    Hypervisor,
    /// A measurement against the 8254.
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

/// Starts the clock. Returns the frequency of the TSC and its source.
///
/// # Errors
///
/// The count of the 8254 does not change, or a measured frequency is not usable.
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

/// The machine has no clock that the image supports.
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

/// Measured frequencies in Hz.
pub(crate) struct Measured {
    /// Frequency of the TSC.
    pub(crate) tsc_hz: u64,
    /// Frequency of the timer.
    pub(crate) timer_hz: u64,
}

/// Measures the frequencies of the TSC and of a timer that counts down, for 5 ms. `timer` returns the count of this
/// timer. Returns `None` on a machine without an 8254.
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

/// Readings of the three clocks at nearly the same time.
struct Sample {
    pit: u16,
    tsc: u64,
    timer: u32,
}

/// Reads the three clocks several times, and returns the readings that took the shortest time. If the host interrupts
/// the guest during a reading, the values are from different times.
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

/// Returns the value of the TSC.
pub(crate) fn ticks() -> u64 {
    // SAFETY: every processor with long mode has a TSC.
    unsafe { _rdtsc() }
}

/// Returns the microseconds since [`init`], or 0 before it. The value never decreases on one CPU.
pub(crate) fn now_us() -> u64 {
    CLOCK.get().map_or(0, |clock| clock.tsc.micros(ticks().saturating_sub(clock.start)))
}

/// Spins until `has_happened` returns `true`, for at most `us` microseconds. Returns whether that was in time.
///
/// # Context
///
/// Only for short waits at boot and in tests, because the CPU does not sleep.
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

/// Converts microseconds to ticks of the local APIC's timer. The result is limited to the range from 1 to the maximum
/// of the timer.
pub(crate) fn timer_ticks(us: u64) -> u32 {
    let ticks = CLOCK.get().map_or(1, |clock| clock.timer.ticks(us));
    u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
}
