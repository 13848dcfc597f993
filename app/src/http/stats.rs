//! `/api/stats.json`: the table of counters, and what is counted of each command.

use core::fmt::Write;

use vmalloc::{Machine, PAGE_BYTES};

use super::json::Quoted;
use super::room::{Pieces, Room};
use crate::service::{BOUNDS_US, CommandStats, Service};

/// Writes the pieces behind the first `done`.
pub(super) fn write<M: Machine>(
    service: &Service<M>,
    room: &mut Room<'_>,
    done: &mut usize,
) -> bool {
    let mut pieces = Pieces::new(room, done);
    pieces.piece(|room| front(service, room));
    let mut last = "";
    service.for_each_row(&mut |row| {
        pieces.piece(|room| {
            let separator = match last {
                "" => "",
                section if section == row.section => ",",
                _ => "},",
            };
            room.raw(separator.as_bytes());
            // Writing to a room cannot fail, here and below.
            if last != row.section {
                let _ = write!(room, "\n{}:{{", Quoted(row.section));
            }
            let _ = write!(room, "{}:{}", Quoted(row.name), row.value);
        });
        last = row.section;
    });
    pieces.piece(|room| {
        let _ = write!(room, "}}}},\n\"bounds_us\":{BOUNDS_US:?},\n\"commands\":[");
    });
    for (number, (name, tally)) in service.command_stats().enumerate() {
        pieces.piece(|room| {
            let separator = if number == 0 { "\n" } else { ",\n" };
            let _ = write!(room, "{separator}{}", Command(name, tally));
        });
    }
    pieces.piece(|room| room.raw(b"\n]}\n"));
    pieces.is_done()
}

fn front<M: Machine>(service: &Service<M>, room: &mut Room<'_>) {
    let window = service.vm().window();
    let (start, end, used_end) = (window.address(), window.end(), service.vm().used_end());
    let version = Quoted(env!("CARGO_PKG_VERSION"));
    let us = service.now_us();
    let _ = write!(
        room,
        "{{\"version\":{version},\"uptime_us\":{us},\"page_bytes\":{PAGE_BYTES},\
         \"window\":{{\"start\":\"{start:#x}\",\"end\":\"{end:#x}\",\"used_end\":\"{used_end:#x}\"}},\n\
         \"counters\":{{"
    );
}

/// A command's object.
struct Command<'a>(&'static str, &'a CommandStats);

impl core::fmt::Display for Command<'_> {
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
