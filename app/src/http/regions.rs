//! Writes the report `/api/regions.json`: a page of the list of regions, from a cursor on.

use core::fmt::Write;

use vmalloc::{Access, Cursor, RegionInfo, RegionState};

use super::budget::RowBudget;
use super::json::Quoted;
use super::writer::BoundedWriter;
use crate::service::{self, Service};

/// A page of the list of regions that is being written.
#[derive(Clone, Copy, Debug)]
pub struct HttpRegions {
    cursor: Cursor,
    /// Number of rows that may still be written.
    left: u64,
    part: RegionsPart,
}

/// The part of the page that must be written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RegionsPart {
    Front,
    FirstRow,
    Row,
    End,
}

impl HttpRegions {
    /// Creates a page of at most `count` regions, which begins at `cursor`.
    pub(super) fn new(cursor: Cursor, count: u64) -> Self {
        Self { cursor, left: count, part: RegionsPart::Front }
    }

    /// Continues the page until the writer is full or the budget is spent. Returns whether the page is complete.
    pub(super) fn write<M: Access>(
        &mut self,
        service: &Service<M>,
        writer: &mut BoundedWriter<'_>,
        budget: &mut RowBudget,
    ) -> bool {
        if self.part == RegionsPart::Front {
            if !writer.whole(|writer| writer.raw(b"{\"regions\":[")) {
                return false;
            }
            self.part = RegionsPart::FirstRow;
        }
        while self.part != RegionsPart::End {
            if budget.is_spent() {
                return false;
            }
            let area = service.vm().next_area(self.cursor).filter(|_| self.left > 0);
            let Some((info, next)) = area else {
                self.part = RegionsPart::End;
                break;
            };
            let separator: &[u8] = if self.part == RegionsPart::FirstRow { b"\n" } else { b",\n" };
            let row = |writer: &mut BoundedWriter<'_>| {
                writer.raw(separator);
                write_row(service, &info, writer);
            };
            // The budget is also charged for a row that does not fit, because formatting the row takes time.
            budget.spend(service, &info);
            if !writer.whole(row) {
                return false;
            }
            self.cursor = next;
            self.left -= 1;
            self.part = RegionsPart::Row;
        }
        writer.whole(|writer| {
            writer.raw(b"\n],\"cursor\":");
            match service.vm().next_area(self.cursor) {
                Some(_) => {
                    // Writing to a BoundedWriter cannot fail.
                    let _ = write!(writer, "\"{:#x}\"", self.cursor.get());
                }
                None => writer.raw(b"null"),
            }
            writer.raw(b"}\n");
        })
    }
}

fn write_row<M: Access>(service: &Service<M>, info: &RegionInfo, writer: &mut BoundedWriter<'_>) {
    let caller = service.reports().caller(info);
    let (start, end) = (info.range.address().as_u64(), info.range.end().as_u64());
    let guard = info.with_guard().end().as_u64() - end;
    let state = match info.state {
        RegionState::Busy => "busy",
        RegionState::Lazy => "lazy",
    };
    // Writing to a BoundedWriter cannot fail, here and below.
    let _ = write!(
        writer,
        "{{\"id\":{},\"name\":{},\"owner\":{},\"system\":{},\"start\":\"{start:#x}\",\
         \"end\":\"{end:#x}\",\"guard\":{guard},\"requested\":{},\"pages\":{},\
         \"protection\":\"{}\",\"state\":\"{state}\",\"nodes\":[",
        info.id.get(),
        Quoted(&caller),
        info.owner,
        info.system,
        service.reports().requested(info),
        info.range.count().get(),
        service::protection(info.protection),
    );
    let frames = service.vm().frames_per_node(info);
    let nodes = usize::try_from(service.vm().nodes()).unwrap_or(frames.len());
    for (node, frames) in frames.iter().take(nodes).enumerate() {
        let separator = if node == 0 { "" } else { "," };
        let _ = write!(writer, "{separator}{frames}");
    }
    writer.raw(b"]}");
}
