//! Splits a range of pages into the parts that one leaf table covers.

use x86_64::structures::paging::PageTableIndex;

use crate::page::{Page, PageRange};

/// The part of a range that one leaf table covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// The first page of the part.
    pub(crate) page: Page,
    /// The index of the first page in the leaf table.
    pub(crate) first: usize,
    /// The number of pages: 1 to 512.
    pub(crate) count: usize,
}

impl Span {
    /// Returns the range as one span, if one leaf table covers it.
    #[inline]
    pub(crate) fn only(range: PageRange) -> Option<Self> {
        let first = usize::from(range.start().p1_index());
        let count = usize::try_from(range.count().get()).ok()?;
        (count <= 512 - first).then_some(Self { page: range.start(), first, count })
    }

    /// Returns the range as one span, if the caller expects that one leaf table covers it. If that
    /// is wrong, the span exceeds every table: [`is_one`](Self::is_one) returns false, and slicing
    /// entries by [`places`](Self::places) panics.
    #[inline]
    pub(crate) fn within_one(range: PageRange) -> Self {
        let first = usize::from(range.start().p1_index());
        let count = usize::try_from(range.count().get()).unwrap_or(usize::MAX);
        Self { page: range.start(), first, count }
    }

    /// Returns whether one leaf table covers the span.
    #[inline]
    pub(crate) fn is_one(&self) -> bool {
        self.count <= 512 - self.first
    }

    /// Returns the indexes of the pages in the leaf table.
    #[inline]
    pub(crate) fn places(&self) -> core::ops::Range<usize> {
        self.first..self.first + self.count
    }
}

/// Iterates over the parts of a range in address order.
pub(crate) fn spans(range: PageRange) -> impl Iterator<Item = Span> {
    let (mut page, mut left) = (range.start(), range.count().get());
    core::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let first = usize::from(page.p1_index());
        let count = (512 - first).min(usize::try_from(left).unwrap_or(usize::MAX));
        let span = Span { page, first, count };
        left -= count as u64;
        if left > 0 {
            page += count as u64;
        }
        Some(span)
    })
}

/// Returns the index of the entry for `page` in its table of `level`, 4 to 1.
#[inline]
pub(crate) fn index(page: Page, level: u8) -> usize {
    let index: PageTableIndex = match level {
        4 => page.p4_index(),
        3 => page.p3_index(),
        2 => page.p2_index(),
        _ => page.p1_index(),
    };
    usize::from(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageCount;
    use std::vec::Vec;
    use x86_64::VirtAddr;

    #[test]
    fn a_range_is_cut_where_leaf_tables_end() {
        let start = Page::containing_address(VirtAddr::new(0xffff_c900_001f_e000));
        let count = PageCount::from_pages(2 + 512 + 1).unwrap();
        let range = PageRange::try_new(start, count).unwrap();
        let cut: Vec<_> = spans(range).map(|span| (span.first, span.count)).collect();
        assert_eq!(cut, [(510, 2), (0, 512), (0, 1)]);
    }
}
