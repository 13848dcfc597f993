//! The body of a response, and how much of the body has been written.

use vmalloc::{Access, Cursor};

use super::budget::RowBudget;
use super::map::Map;
use super::regions::HttpRegions;
use super::status::Message;
use super::writer::BoundedWriter;
use super::{metrics, stats, summary, vmallocinfo};
use crate::service::Service;

/// The body of a response with its media type.
#[derive(Clone, Copy, Debug)]
pub struct Representation {
    /// The media type.
    pub kind: &'static str,
    /// The body.
    pub body: Body,
    /// Whether monitoring systems depend on this report. The request may then use an HTTP connection that is reserved
    /// for such reports.
    pub is_monitoring: bool,
}

/// A report that is being written, with the position up to which it has been written.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// A file of the image, and the number of bytes written.
    Fixed(&'static [u8], usize),
    /// The text of an error, and the number of bytes written.
    Message(Message, usize),
    /// The summary for a terminal, and the number of pieces written.
    Summary(usize),
    /// The metrics for Prometheus, and the number of pieces written.
    Metrics(usize),
    /// All counters as JSON, and the number of pieces written.
    Stats(usize),
    /// The rows of `VMALLOCINFO`, and the position of the next area.
    Vmallocinfo(Cursor),
    /// A page of the list of regions as JSON.
    HttpRegions(HttpRegions),
    /// A map of the use of a range of addresses as JSON.
    Map(Map),
}

impl Body {
    /// Creates the body of a file of the image.
    pub(super) const fn fixed(bytes: &'static [u8]) -> Self {
        Self::Fixed(bytes, 0)
    }

    /// Returns the length, if it is known before the body is written.
    #[must_use]
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Fixed(bytes, _) => Some(bytes.len()),
            Self::Message(text, _) => Some(text.len()),
            _ => None,
        }
    }

    /// Continues the body until the writer is full or the budget of the turn of the server loop is spent. Returns
    /// whether the body is complete.
    ///
    /// A region that exists during the whole report is in the report exactly once. A region that is
    /// allocated or freed during the report may be missing.
    pub fn write<M: Access>(
        &mut self,
        service: &Service<M>,
        writer: &mut BoundedWriter<'_>,
        budget: &mut RowBudget,
    ) -> bool {
        match self {
            Self::Fixed(bytes, written) => write_on(bytes, written, writer),
            Self::Message(text, written) => write_on(text.as_bytes(), written, writer),
            Self::Summary(done) => summary::write(service, writer, done),
            Self::Metrics(done) => metrics::write(service, writer, done),
            Self::Stats(done) => stats::write(service, writer, done),
            Self::Vmallocinfo(cursor) => vmallocinfo::write(service, writer, budget, cursor),
            Self::HttpRegions(regions) => regions.write(service, writer, budget),
            Self::Map(map) => map.write(service, writer, budget),
        }
    }
}

/// Writes the bytes that follow the first `written` bytes until the writer is full. Returns whether all bytes are
/// written.
fn write_on(bytes: &[u8], written: &mut usize, writer: &mut BoundedWriter<'_>) -> bool {
    let rest = &bytes[*written..];
    let part = rest.len().min(writer.left());
    writer.raw(&rest[..part]);
    *written += part;
    part == rest.len()
}
