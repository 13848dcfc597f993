//! Writes the report `/` for a terminal: a summary of the most important counters as text.

use core::fmt::Write;

use vmalloc::Access;

use super::writer::{BoundedWriter, Pieces};
use crate::service::Service;

/// The lines of the summary: the label of a line, and for each value the name of its counter and the word behind the
/// value.
const LINES: [(&str, [(&str, &str); 3]); 5] = [
    ("areas", [("areas", "busy"), ("areas_system", "of the image"), ("areas_lazy", "lazy")]),
    ("pages", [("pages_mapped", "mapped"), ("pages_lazy", "lazy"), ("table_pages", "of tables")]),
    ("frames", [("frames_used", "used"), ("frames_free", "free"), ("frames_total", "in all")]),
    ("so far", [("allocations", "allocations"), ("frees", "frees"), ("purges", "purges")]),
    ("clients", [("clients", "connected"), ("commands", "requests"), ("errors", "errors")]),
];

const REPORTS: &str = "\nreports  /metrics  /vmallocinfo  /healthz  /api/stats.json  \
                       /api/map.json  /api/regions.json\n";

/// Writes the pieces of the report that follow the first `done` pieces, and updates `done`. Returns whether the report
/// is complete.
pub(super) fn write<M: Access>(
    service: &Service<M>,
    writer: &mut BoundedWriter<'_>,
    done: &mut usize,
) -> bool {
    let mut pieces = Pieces::new(writer, done);
    pieces.piece(|writer| {
        let window = service.vm().window();
        let (version, seconds) = (env!("CARGO_PKG_VERSION"), service.now_us() / 1_000_000);
        // Writing to a BoundedWriter cannot fail, here and below.
        let _ = writeln!(writer, "vmalloc {version}, up {seconds} s");
        let (start, end) = (window.address(), window.end());
        let _ = writeln!(writer, "{:>7}  {start:#x}-{end:#x}", "window");
    });
    let values = values(service);
    for ((label, fields), values) in LINES.iter().zip(values) {
        pieces.piece(|writer| {
            let _ = write!(writer, "{label:>7}");
            let mut separator = "  ";
            for ((_, word), value) in fields.iter().zip(values) {
                let _ = write!(writer, "{separator}{value} {word}");
                separator = ", ";
            }
            writer.raw(b"\n");
        });
    }
    pieces.piece(|writer| writer.raw(REPORTS.as_bytes()));
    pieces.is_done()
}

/// Returns the values of the counters of all lines.
fn values<M: Access>(service: &Service<M>) -> [[u64; 3]; LINES.len()] {
    let mut values = [[0; 3]; LINES.len()];
    service.reports().for_each_row(&mut |row| {
        for ((_, fields), values) in LINES.iter().zip(&mut values) {
            if let Some(at) = fields.iter().position(|(name, _)| *name == row.name) {
                values[at] = row.value;
            }
        }
    });
    values
}
