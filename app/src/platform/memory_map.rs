//! The map of free RAM as sorted, disjoint ranges. Ranges that get an owner are removed.

use arrayvec::ArrayVec;

use crate::platform::span::Span;

/// Maximum number of ranges in a map. Firmware reports about ten, and each removal adds at most one.
pub const SPANS_MAX: usize = 64;

/// The type of a range that the firmware reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// Usable memory.
    Ram,
    /// Any other type.
    Other,
}

/// Sorted, disjoint, non-empty ranges of RAM.
#[derive(Clone, Debug, Default)]
pub struct MemoryMap {
    spans: ArrayVec<Span, SPANS_MAX>,
}

impl MemoryMap {
    /// Builds the map from the entries that the firmware reports. A byte counts as RAM only if no entry of another type
    /// contains it.
    ///
    /// At most [`SPANS_MAX`] ranges are stored. Further ranges are dropped, so the map may contain less RAM than the
    /// firmware reports, but never more.
    #[must_use]
    pub fn from_entries(entries: impl Iterator<Item = (Span, MemoryKind)> + Clone) -> Self {
        let mut map = Self::default();
        for (span, kind) in entries.clone() {
            if kind == MemoryKind::Ram {
                map.add(span);
            }
        }
        for (span, kind) in entries {
            if kind == MemoryKind::Other {
                map.remove(span);
            }
        }
        map
    }

    /// Returns the ranges in ascending order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Returns the total size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.spans.iter().map(|span| span.bytes()).sum()
    }

    /// Returns the end of the highest range.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.spans.last().map_or(0, |span| span.end)
    }

    /// Returns whether any range overlaps `span`.
    #[must_use]
    pub fn overlaps(&self, span: Span) -> bool {
        self.spans.iter().any(|ram| ram.overlaps(span))
    }

    fn add(&mut self, span: Span) {
        let mut merged = span;
        self.spans.retain(|ram| {
            let touches = ram.start <= merged.end && merged.start <= ram.end;
            if touches {
                merged = Span::new(ram.start.min(merged.start), ram.end.max(merged.end));
            }
            !touches
        });
        if merged.is_empty() {
            return;
        }
        let at = self.spans.partition_point(|ram| ram.start < merged.start);
        // If the map is full, the range is dropped, as `from_entries` documents.
        let _ = self.spans.try_insert(at, merged);
    }

    /// Removes the addresses in `hole`. If a range is split and the map is full, the highest ranges are dropped.
    pub fn remove(&mut self, hole: Span) {
        if hole.is_empty() {
            return;
        }
        let mut left = ArrayVec::<Span, SPANS_MAX>::new();
        for ram in &self.spans {
            for part in ram.without(hole).into_iter().filter(|part| !part.is_empty()) {
                let _ = left.try_push(part);
            }
        }
        self.spans = left;
    }

    /// Removes `bytes` bytes below the address `limit` from the map and returns them. They are taken from the high end
    /// of the highest range that is large enough. The end of the result is a multiple of `unit`, which must be a power
    /// of two.
    pub fn carve(&mut self, bytes: u64, unit: u64, limit: u64) -> Option<Span> {
        let below = Span::new(0, limit);
        let taken = self.spans.iter().rev().find_map(|ram| {
            let whole = ram.intersection(below).inward(unit);
            let start = whole.end.checked_sub(bytes)?;
            (start >= whole.start).then_some(Span::new(start, whole.end))
        })?;
        self.remove(taken);
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q35() -> MemoryMap {
        MemoryMap::from_entries(
            [
                (Span::new(0, 0x9_fc00), MemoryKind::Ram),
                (Span::new(0x9_fc00, 0xa_0000), MemoryKind::Other),
                (Span::new(0xf_0000, 0x10_0000), MemoryKind::Other),
                (Span::new(0x10_0000, 0x1ffd_f000), MemoryKind::Ram),
                (Span::new(0x1ffd_f000, 0x2000_0000), MemoryKind::Other),
            ]
            .into_iter(),
        )
    }

    #[test]
    fn entries_are_sorted_and_merged() {
        let map = MemoryMap::from_entries(
            [
                (Span::new(0x3000, 0x4000), MemoryKind::Ram),
                (Span::new(0x1000, 0x2000), MemoryKind::Ram),
                (Span::new(0x2000, 0x3000), MemoryKind::Ram),
                (Span::new(0x8000, 0x9000), MemoryKind::Ram),
                (Span::new(0x9000, 0x9000), MemoryKind::Ram),
            ]
            .into_iter(),
        );
        assert_eq!(map.spans(), [Span::new(0x1000, 0x4000), Span::new(0x8000, 0x9000)]);
    }

    #[test]
    fn other_types_win_in_any_order() {
        let map = MemoryMap::from_entries(
            [
                (Span::new(0x2000, 0x3000), MemoryKind::Other),
                (Span::new(0, 0x8000), MemoryKind::Ram),
            ]
            .into_iter(),
        );
        assert_eq!(map.spans(), [Span::new(0, 0x2000), Span::new(0x3000, 0x8000)]);
    }

    #[test]
    fn owned_ranges_are_removed() {
        let mut map = q35();
        let before = map.bytes();
        map.remove(Span::new(0, 0x10_0000));
        map.remove(Span::new(0x20_0000, 0x28_0000));
        assert_eq!(
            map.spans(),
            [Span::new(0x10_0000, 0x20_0000), Span::new(0x28_0000, 0x1ffd_f000)]
        );
        assert_eq!(map.bytes(), before - 0x9_fc00 - 0x8_0000);
    }

    #[test]
    fn tables_come_from_the_high_end() {
        let mut map = q35();
        assert_eq!(map.carve(0x5000, 0x1000, 4 << 30), Some(Span::new(0x1ffd_a000, 0x1ffd_f000)));
        assert_eq!(map.end(), 0x1ffd_a000);
        assert_eq!(map.carve(1 << 40, 0x1000, 4 << 30), None);
        assert_eq!(map.carve(0x1000, 0x1000, 0x10_0000), Some(Span::new(0x9_e000, 0x9_f000)));
    }

    #[test]
    fn a_full_map_has_less_memory_but_never_more() {
        let mut map =
            MemoryMap::from_entries(core::iter::once((Span::new(0, 1 << 30), MemoryKind::Ram)));
        for index in 0..200_u64 {
            map.remove(Span::from_bytes(index << 20, 1 << 12));
        }
        assert!(map.spans().len() <= SPANS_MAX);
        assert!(map.spans().iter().all(|span| span.start & 0xf_ffff == 1 << 12));
    }
}
