//! Writes the report `/metrics`: the table of counters in the text format of Prometheus, version 0.0.4.
//!
//! The names of all families except `process_start_time_seconds` begin with `vmalloc_`. Families that had another name
//! in the previous release are also written under their old name: see [`deprecated`].

mod deprecated;

use core::fmt::Write;

use vmalloc::{Access, Family, Metric, MetricKind};

use super::writer::{BoundedWriter, Pieces};
use crate::service::{BOUNDS_US, CommandStats, Service};

/// The upper bounds of the buckets of a histogram, in seconds.
const BOUNDS: [&str; BOUNDS_US.len()] = [
    "1e-06", "2e-06", "5e-06", "1e-05", "2e-05", "5e-05", "0.0001", "0.0002", "0.0005", "0.001",
    "0.002", "0.01",
];

const BUILD: &str = "# HELP vmalloc_build_info The image that runs.\n\
                     # TYPE vmalloc_build_info gauge\n";
const COMMANDS: Family =
    Family::counter("vmalloc_resp_commands_total", "Requests by command and result.");
const SECONDS: &str = "# HELP vmalloc_op_seconds How long calls took, of one in 16; of work that \
                       others do it is the beginning.\n\
                       # TYPE vmalloc_op_seconds histogram\n";

/// Writes the pieces of the report that follow the first `done` pieces, and updates `done`. Returns whether the report
/// is complete.
pub(super) fn write<M: Access>(
    service: &Service<M>,
    writer: &mut BoundedWriter<'_>,
    done: &mut usize,
) -> bool {
    let mut pieces = Pieces::new(writer, done);
    pieces.piece(|writer| {
        // Writing to a BoundedWriter cannot fail, here and below.
        let version = env!("CARGO_PKG_VERSION");
        let _ = writeln!(writer, "{BUILD}vmalloc_build_info{{version=\"{version}\"}} 1");
    });
    counters(service, &mut pieces, Some);
    commands(service, &mut pieces, COMMANDS);
    pieces.piece(|writer| writer.raw(SECONDS.as_bytes()));
    for (name, tally) in service.reports().command_stats() {
        // A command that was never timed has an empty piece, because the number of pieces must be the same in all
        // calls.
        pieces.piece(|writer| {
            if tally.timed() > 0 {
                histogram(name, tally, writer);
            }
        });
    }
    counters(service, &mut pieces, deprecated::family);
    if let Some(family) = deprecated::family(COMMANDS) {
        commands(service, &mut pieces, family);
    }
    pieces.is_done()
}

/// Writes the families of the table of counters under the names that `rename` returns. Families for which `rename`
/// returns `None` are left out.
fn counters<M: Access>(
    service: &Service<M>,
    pieces: &mut Pieces<'_, '_>,
    rename: impl Fn(Family) -> Option<Family>,
) {
    let mut last = None;
    service.reports().for_each_row(&mut |row| {
        let Some(metric) = row.metric else { return };
        let Some(family) = rename(*metric.family) else { return };
        let is_new = last != Some(family.name);
        last = Some(family.name);
        pieces.piece(|writer| {
            if is_new {
                header(family, writer);
            }
            series(family.name, &metric, row.value, writer);
        });
    });
}

/// Writes the number of successful and failed requests of each command.
fn commands<M: Access>(service: &Service<M>, pieces: &mut Pieces<'_, '_>, family: Family) {
    pieces.piece(|writer| header(family, writer));
    for (command, tally) in service.reports().command_stats() {
        pieces.piece(|writer| {
            for (result, value) in [("ok", tally.served()), ("error", tally.errors())] {
                let labels = format_args!("{{cmd=\"{command}\",result=\"{result}\"}}");
                let _ = writeln!(writer, "{}{labels} {value}", family.name);
            }
        });
    }
}

fn header(family: Family, writer: &mut BoundedWriter<'_>) {
    let Family { name, kind, help } = family;
    let kind = match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
    };
    let _ = write!(writer, "# HELP {name} ");
    if deprecated::is_old(name) {
        let _ = write!(writer, "Deprecated, use {}{name}. ", deprecated::PREFIX);
    }
    let _ = write!(writer, "{help}\n# TYPE {name} {kind}\n");
}

fn series(name: &str, metric: &Metric, value: u64, writer: &mut BoundedWriter<'_>) {
    writer.raw(name.as_bytes());
    let labels = metric.labels.iter().filter(|(name, _)| !name.is_empty());
    let mut separator = "{";
    for (name, text) in labels {
        let _ = write!(writer, "{separator}{name}=\"{text}\"");
        separator = ",";
    }
    let end = if separator == "," { "}" } else { "" };
    let _ = writeln!(writer, "{end} {value}");
}

/// Writes the durations of one command as a histogram. The count of a bucket includes the counts of all smaller
/// buckets, as Prometheus requires.
fn histogram(name: &str, tally: &CommandStats, writer: &mut BoundedWriter<'_>) {
    let mut sum = 0;
    for (bound, class) in BOUNDS.iter().zip(tally.classes) {
        sum += class;
        let _ = writeln!(writer, "vmalloc_op_seconds_bucket{{op=\"{name}\",le=\"{bound}\"}} {sum}");
    }
    let timed = tally.timed();
    let (seconds, us) = (tally.timed_us / 1_000_000, tally.timed_us % 1_000_000);
    let _ = writeln!(writer, "vmalloc_op_seconds_bucket{{op=\"{name}\",le=\"+Inf\"}} {timed}");
    let _ = writeln!(writer, "vmalloc_op_seconds_sum{{op=\"{name}\"}} {seconds}.{us:06}");
    let _ = writeln!(writer, "vmalloc_op_seconds_count{{op=\"{name}\"}} {timed}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_the_same_in_both_units() {
        for (us, seconds) in BOUNDS_US.iter().zip(BOUNDS) {
            let read: f64 = seconds.parse().unwrap();
            assert_eq!(format!("{:.6}", read), format!("0.{us:06}"));
        }
    }

    #[test]
    fn a_histogram_adds_up() {
        let mut tally = CommandStats { timed_us: 2_000_345, ..CommandStats::default() };
        (tally.classes[0], tally.classes[3], tally.classes[12]) = (5, 2, 1);
        let mut buffer = [0; 2048];
        let mut writer = BoundedWriter::new(&mut buffer);
        histogram("VFREE", &tally, &mut writer);
        let length = writer.length();
        let text = str::from_utf8(&buffer[..length]).unwrap();
        let values: Vec<&str> = text.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        let expected =
            ["5", "5", "5", "7", "7", "7", "7", "7", "7", "7", "7", "7", "8", "2.000345", "8"];
        assert_eq!(values, expected);
        assert!(text.starts_with("vmalloc_op_seconds_bucket{op=\"VFREE\",le=\"1e-06\"} 5\n"));
    }
}
