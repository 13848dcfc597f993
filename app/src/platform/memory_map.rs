//! RAM as sorted, disjoint runs, from which the parts that have an owner are taken out.

use arrayvec::ArrayVec;

use crate::platform::span::Span;

/// Runs that the map can hold. Firmware reports about ten; each part taken out adds one at most.
pub const SPANS_MAX: usize = 64;

/// What firmware says about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// Memory that is free to use.
    Ram,
    /// Anything else.
    Other,
}

/// Sorted, disjoint, non-empty runs of RAM.
#[derive(Clone, Debug, Default)]
pub struct MemoryMap {
    spans: ArrayVec<Span, SPANS_MAX>,
}

impl MemoryMap {
    /// Builds the map of what is RAM and nothing else; where entries overlap, the other kind wins.
    ///
    /// Runs beyond [`SPANS_MAX`] are left out: memory is lost, never invented.
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

    /// The runs in order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The sum of all runs.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.spans.iter().map(|span| span.bytes()).sum()
    }

    /// One past the highest byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.spans.last().map_or(0, |span| span.end)
    }

    /// Whether any run shares a byte with `span`.
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
        // A full map: the run is lost, as documented.
        let _ = self.spans.try_insert(at, merged);
    }

    /// Takes `hole` out. Where a split finds no room, the upper part is lost.
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

    /// Takes `bytes` bytes from the high end of the highest run below `limit` that has as many, in
    /// whole units of `unit`, which is a power of two.
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
    fn other_kinds_win_whatever_their_order() {
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
    fn owners_take_their_parts_out() {
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
    fn a_full_map_loses_memory_but_invents_none() {
        let mut map =
            MemoryMap::from_entries(core::iter::once((Span::new(0, 1 << 30), MemoryKind::Ram)));
        for index in 0..200_u64 {
            map.remove(Span::from_bytes(index << 20, 1 << 12));
        }
        assert!(map.spans().len() <= SPANS_MAX);
        assert!(map.spans().iter().all(|span| span.start & 0xf_ffff == 1 << 12));
    }
}
