//! The bounds of numbers on the command line. clap refuses other numbers and names both bounds.

use clap::builder::RangedI64ValueParser;
use clap::builder::RangedU64ValueParser;
use clap::value_parser;
use runtime_config::limits;

/// A day: longer than any run that a person waits for.
const SECONDS_MAX: u64 = 86_400;

/// Virtual CPUs of a guest, up to the number that the image uses.
pub(super) fn cpus() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=bound(limits::CPUS_MAX))
}

/// Milliseconds of one workload, up to the limit of `VBENCH`.
pub(super) fn milliseconds() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=bound(limits::BENCH_MS_MAX))
}

/// A number of seconds.
pub(super) fn seconds() -> RangedU64ValueParser<u64> {
    value_parser!(u64).range(1..=SECONDS_MAX)
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
