//! The list of free memory that a kernel hands over at set-up.

use x86_64::PhysAddr;

use super::FrameRange;
use super::buddy::ORDER_MAX;
use crate::error::{RunError, SetupError};
use crate::machine::NODES;
use crate::page::{Frame, PAGE_BYTES};

/// The number of frames that physical addresses of 52 bits can name.
const FRAMES_MAX: u64 = 1 << (52 - 12);

/// The highest number of frames from the lowest to the highest one, almost 8 TiB: frame numbers plus
/// 1 have 31 bits.
const SPAN_MAX: u64 = (1 << 31) - 1;

/// A list of runs of frames. Runs without frames are ignored, because the memory maps of firmware
/// contain such runs when they are rounded to whole pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryRuns<'a>(&'a [FrameRange]);

/// Returns the number of the first frame of a run.
fn first(run: &FrameRange) -> u64 {
    run.start.start_address().as_u64() / PAGE_BYTES
}

impl<'a> MemoryRuns<'a> {
    pub(crate) fn new(list: &'a [FrameRange]) -> Self {
        Self(list)
    }

    /// Checks the list. The other methods may overflow for a list that was not checked.
    pub(crate) fn check(self) -> Result<(), SetupError> {
        for (index, run) in self.numbered() {
            let wrong = |reason| {
                let start = run.start.start_address().as_u64();
                Err(SetupError::Run { index, start, count: run.count, reason })
            };
            if run.count > FRAMES_MAX - first(run) {
                return wrong(RunError::Beyond { limit: FRAMES_MAX * PAGE_BYTES });
            }
            // All runs before this one end below the limit, so these additions do not overflow.
            let overlaps = |other: &FrameRange| {
                first(other) < first(run) + run.count && first(run) < first(other) + other.count
            };
            let mut before = self.numbered().take_while(|(other, _)| *other < index);
            if let Some((other, _)) = before.find(|(_, other)| overlaps(other)) {
                return wrong(RunError::Overlap { other });
            }
            if run.node as usize >= NODES {
                return Err(SetupError::Node { node: run.node, limit: NODES });
            }
        }
        let frames = self.span().1;
        if frames > SPAN_MAX {
            return Err(SetupError::Span { frames, limit: SPAN_MAX });
        }
        Ok(())
    }

    /// Iterates over the runs that have frames, with their positions in the list.
    fn numbered(self) -> impl Iterator<Item = (usize, &'a FrameRange)> {
        self.0.iter().enumerate().filter(|(_, run)| run.count > 0)
    }

    /// Iterates over the runs that have frames.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a FrameRange> + Clone {
        self.0.iter().filter(|run| run.count > 0)
    }

    /// Returns the number of frames.
    pub(crate) fn frames(self) -> u64 {
        self.iter().map(|run| run.count).sum()
    }

    /// Returns the lowest frame, rounded down to a multiple of the largest block, and the number of
    /// frames from there to the highest one.
    pub(crate) fn span(self) -> (Frame, u64) {
        let lowest = self.iter().map(first).min().unwrap_or(0) >> ORDER_MAX << ORDER_MAX;
        let end = self.iter().map(|run| first(run) + run.count).max().unwrap_or(0);
        let base = Frame::containing_address(PhysAddr::new(lowest * PAGE_BYTES));
        (base, end.saturating_sub(lowest))
    }

    /// Returns the longest run.
    pub(crate) fn longest(self) -> Option<&'a FrameRange> {
        self.iter().max_by_key(|run| run.count)
    }

    /// Returns one more than the highest node that has frames.
    pub(crate) fn nodes(self) -> usize {
        self.iter().map(|run| run.node as usize + 1).max().unwrap_or(1)
    }
}
