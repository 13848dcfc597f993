//! `/api/regions.json`: a page of regions by a cursor.

use core::fmt::Write;

use vmalloc::{Cursor, Machine, RegionInfo, RegionState};

use super::body::Share;
use super::json::Quoted;
use super::room::Room;
use crate::service::{self, Service};

/// A page that is being written.
#[derive(Clone, Copy, Debug)]
pub struct Regions {
    cursor: Cursor,
    /// Rows that may still be written.
    left: u64,
    part: Part,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Front,
    FirstRow,
    Row,
    End,
}

impl Regions {
    /// A page of at most `count` regions from a cursor on.
    pub(super) fn new(cursor: Cursor, count: u64) -> Self {
        Self { cursor, left: count, part: Part::Front }
    }

    /// Writes on; returns whether that was all.
    pub(super) fn write<M: Machine>(
        &mut self,
        service: &Service<M>,
        room: &mut Room<'_>,
        share: &mut Share,
    ) -> bool {
        if self.part == Part::Front {
            if !room.whole(|room| room.raw(b"{\"regions\":[")) {
                return false;
            }
            self.part = Part::FirstRow;
        }
        while self.part != Part::End {
            if share.is_spent() {
                return false;
            }
            let area = service.vm().next_area(self.cursor).filter(|_| self.left > 0);
            let Some((info, next)) = area else {
                self.part = Part::End;
                break;
            };
            let separator: &[u8] = if self.part == Part::FirstRow { b"\n" } else { b",\n" };
            let row = |room: &mut Room<'_>| {
                room.raw(separator);
                write_row(service, &info, room);
            };
            // What does not fit was counted all the same.
            share.spend(service, &info);
            if !room.whole(row) {
                return false;
            }
            self.cursor = next;
            self.left -= 1;
            self.part = Part::Row;
        }
        room.whole(|room| {
            room.raw(b"\n],\"cursor\":");
            match service.vm().next_area(self.cursor) {
                Some(_) => {
                    // Writing to a room cannot fail.
                    let _ = write!(room, "\"{:#x}\"", self.cursor.get());
                }
                None => room.raw(b"null"),
            }
            room.raw(b"}\n");
        })
    }
}

fn write_row<M: Machine>(service: &Service<M>, info: &RegionInfo, room: &mut Room<'_>) {
    let caller = service.caller(info);
    let (start, end) = (info.range.address().as_u64(), info.range.end().as_u64());
    let guard = info.with_guard().end().as_u64() - end;
    let state = match info.state {
        RegionState::Busy => "busy",
        RegionState::Lazy => "lazy",
    };
    // Writing to a room cannot fail, here and below.
    let _ = write!(
        room,
        "{{\"id\":{},\"name\":{},\"owner\":{},\"system\":{},\"start\":\"{start:#x}\",\
         \"end\":\"{end:#x}\",\"guard\":{guard},\"requested\":{},\"pages\":{},\
         \"protection\":\"{}\",\"state\":\"{state}\",\"nodes\":[",
        info.id.get(),
        Quoted(&caller),
        info.owner,
        info.system,
        service.requested(info),
        info.range.count().get(),
        service::protection(info.protection),
    );
    let frames = service.vm().frames_per_node(info);
    let nodes = usize::try_from(service.vm().nodes()).unwrap_or(frames.len());
    for (node, frames) in frames.iter().take(nodes).enumerate() {
        let separator = if node == 0 { "" } else { "," };
        let _ = write!(room, "{separator}{frames}");
    }
    room.raw(b"]}");
}
