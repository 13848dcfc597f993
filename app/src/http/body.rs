//! What an answer is about, and how far it was written.

use vmalloc::{Cursor, Machine, RegionInfo};

use super::map::Map;
use super::regions::Regions;
use super::room::Room;
use super::status::Message;
use super::{metrics, stats, summary, vmallocinfo};
use crate::service::Service;

/// Rows that may be written in one turn, over all connections: a turn stays short.
const ROWS_MAX: u64 = 64;

/// Pages that are looked at in the time of a row, where frames are counted by node.
const PAGES_PER_ROW: u64 = 64;

/// What is left of a turn's rows.
#[derive(Debug)]
pub struct Share(u64);

impl Share {
    /// The rows of one turn.
    #[must_use]
    pub fn of_a_turn() -> Self {
        Self(ROWS_MAX)
    }

    /// Whether no row is left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Takes a row whose frames are not counted.
    pub(super) fn spend_one(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    /// Takes a row; where its frames had to be counted, as many as that took.
    pub(super) fn spend<M: Machine>(&mut self, service: &Service<M>, info: &RegionInfo) {
        let is_counted = service.vm().nodes() > 1;
        let pages = if is_counted { info.range.count().get() } else { 0 };
        self.0 = self.0.saturating_sub(1 + pages / PAGES_PER_ROW);
    }
}

/// What is answered, and what it is to those who ask.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    /// Its media type.
    pub kind: &'static str,
    /// Its bytes.
    pub body: Body,
    /// Whether monitors depend on it: it is answered in reserved places too.
    pub is_monitoring: bool,
}

/// A report that is being written: what it is and where it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// Bytes of the image, and how many of them are written.
    Fixed(&'static [u8], usize),
    /// The text of a refusal, and how many of its bytes are written.
    Message(Message, usize),
    /// What curl shows; pieces that are written, as in the next two.
    Summary(usize),
    /// For Prometheus.
    Metrics(usize),
    /// Every counter.
    Stats(usize),
    /// `/proc/vmallocinfo`.
    Vmallocinfo(Cursor),
    /// A page of regions.
    Regions(Regions),
    /// A summary of a range.
    Map(Map),
}

impl Body {
    /// Bytes of the image.
    pub(super) const fn fixed(bytes: &'static [u8]) -> Self {
        Self::Fixed(bytes, 0)
    }

    /// How long it is, where that is known.
    #[must_use]
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Fixed(bytes, _) => Some(bytes.len()),
            Self::Message(text, _) => Some(text.len()),
            _ => None,
        }
    }

    /// Writes on, as far as there is room and the turn's share goes. Returns whether that was all.
    ///
    /// What comes and goes meanwhile is in the report or not; what stays is in it once.
    pub fn write<M: Machine>(
        &mut self,
        service: &Service<M>,
        room: &mut Room<'_>,
        share: &mut Share,
    ) -> bool {
        match self {
            Self::Fixed(bytes, written) => write_on(bytes, written, room),
            Self::Message(text, written) => write_on(text.as_bytes(), written, room),
            Self::Summary(done) => summary::write(service, room, done),
            Self::Metrics(done) => metrics::write(service, room, done),
            Self::Stats(done) => stats::write(service, room, done),
            Self::Vmallocinfo(cursor) => vmallocinfo::write(service, room, share, cursor),
            Self::Regions(regions) => regions.write(service, room, share),
            Self::Map(map) => map.write(service, room, share),
        }
    }
}

/// Writes bytes behind the first `written`, as far as there is room.
fn write_on(bytes: &[u8], written: &mut usize, room: &mut Room<'_>) -> bool {
    let rest = &bytes[*written..];
    let part = rest.len().min(room.left());
    room.raw(&rest[..part]);
    *written += part;
    part == rest.len()
}
