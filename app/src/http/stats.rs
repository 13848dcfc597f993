//! Writes the report `/api/stats.json`: the table of counters, and the counts and durations of each command.

use core::fmt::Write;

use vmalloc::{Access, PAGE_BYTES};

use super::json::Quoted;
use super::writer::{BoundedWriter, Pieces};
use crate::service::{BOUNDS_US, CommandStats, Service};

/// Writes the pieces of the report that follow the first `done` pieces, and updates `done`. Returns whether the report
/// is complete.
pub(super) fn write<M: Access>(
    service: &Service<M>,
    writer: &mut BoundedWriter<'_>,
    done: &mut usize,
) -> bool {
    let mut pieces = Pieces::new(writer, done);
    pieces.piece(|writer| front(service, writer));
    let mut last = "";
    service.reports().for_each_row(&mut |row| {
        pieces.piece(|writer| {
            let separator = match last {
                "" => "",
                section if section == row.section => ",",
                _ => "},",
            };
            writer.raw(separator.as_bytes());
            // Writing to a BoundedWriter cannot fail, here and below.
            if last != row.section {
                let _ = write!(writer, "\n{}:{{", Quoted(row.section));
            }
            let _ = write!(writer, "{}:{}", Quoted(row.name), row.value);
        });
        last = row.section;
    });
    pieces.piece(|writer| {
        let _ = write!(writer, "}}}},\n\"bounds_us\":{BOUNDS_US:?},\n\"commands\":[");
    });
    for (number, (name, tally)) in service.reports().command_stats().enumerate() {
        pieces.piece(|writer| {
            let separator = if number == 0 { "\n" } else { ",\n" };
            let _ = write!(writer, "{separator}{}", CommandObject(name, tally));
        });
    }
    pieces.piece(|writer| writer.raw(b"\n]}\n"));
    pieces.is_done()
}

fn front<M: Access>(service: &Service<M>, writer: &mut BoundedWriter<'_>) {
    let window = service.vm().window();
    let (start, end, used_end) = (window.address(), window.end(), service.vm().used_end());
    let version = Quoted(env!("CARGO_PKG_VERSION"));
    let us = service.now_us();
    let _ = write!(
        writer,
        "{{\"version\":{version},\"uptime_us\":{us},\"page_bytes\":{PAGE_BYTES},\
         \"window\":{{\"start\":\"{start:#x}\",\"end\":\"{end:#x}\",\"used_end\":\"{used_end:#x}\"}},\n\
         \"counters\":{{"
    );
}

/// Writes the counts and durations of one command as a JSON object.
struct CommandObject<'a>(&'static str, &'a CommandStats);

impl core::fmt::Display for CommandObject<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self(name, tally) = self;
        write!(
            f,
            "{{\"name\":{},\"ok\":{},\"error\":{},\"timed_us\":{},\"timed\":{:?}}}",
            Quoted(name),
            tally.served(),
            tally.errors(),
            tally.timed_us,
            tally.classes
        )
    }
}
