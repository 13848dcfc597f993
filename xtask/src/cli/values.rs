//! The bounds of numbers on the command line. clap refuses a number outside, with an error that contains
//! both bounds.

use clap::builder::RangedI64ValueParser;
use clap::builder::RangedU64ValueParser;
use clap::value_parser;
use runtime_config::limits;

/// Maximum number of seconds: one day, which is longer than any run that a person waits for.
const SECONDS_MAX: u64 = 86_400;

/// Parses a number of virtual CPUs, up to the maximum that the image uses.
pub(super) fn cpus() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=bound(limits::CPUS_MAX))
}

/// Parses the milliseconds of one workload, up to the limit of `VBENCH`.
pub(super) fn milliseconds() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=bound(limits::BENCH_MS_MAX))
}

/// Parses a number of seconds, up to one day.
pub(super) fn seconds() -> RangedU64ValueParser<u64> {
    value_parser!(u64).range(1..=SECONDS_MAX)
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
