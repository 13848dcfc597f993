//! Checks that a request fails only if it could not be served.

use vmalloc::{AllocateError, Huge, PAGE_BYTES};

use super::World;
use crate::op::{LARGE_PAGES, Wanted};

/// The resources that a request needs.
pub(super) struct Need {
    /// Pages at adjacent addresses, without the guard.
    pub(super) pages: u64,
    pub(super) align: u64,
    pub(super) frames: u64,
    pub(super) only: Option<u32>,
    pub(super) may_take_reserve: bool,
    /// Whether every whole 2 MiB must have a large leaf.
    pub(super) must_be_large: bool,
}

impl Need {
    pub(super) fn of(wanted: &Wanted) -> Self {
        let pages = wanted.size.pages;
        let must_be_large = wanted.huge == Huge::Must;
        let align = if must_be_large { LARGE_PAGES } else { 1 };
        Self {
            pages,
            align: PAGE_BYTES * align.max(1 << wanted.align),
            frames: pages,
            only: wanted.node.filter(|(_, only)| *only).map(|(node, _)| node),
            may_take_reserve: wanted.reserve,
            must_be_large,
        }
    }
}

/// Returns an upper bound of the number of tables over `pages` pages.
pub(super) fn tables_for(pages: u64) -> u64 {
    2 * (pages / 512 + 2) + 2
}

impl World<'_> {
    /// Asserts that an error is justified: with all lazy and cached memory the request could not be
    /// served either.
    pub(super) fn assert_deserved(&self, error: AllocateError, need: &Need) {
        let stats = self.vm.stats();
        if let AllocateError::TooBig { usable, .. } = error {
            let bytes = need.pages * PAGE_BYTES;
            assert!(bytes > usable || need.must_be_large, "{error}");
            return;
        }
        if self.deaf.is_some() {
            return;
        }
        match error {
            AllocateError::TooBig { .. } => {}
            AllocateError::FramesExhausted { .. } => {
                let reserve = if need.may_take_reserve { 0 } else { self.shape.reserve };
                // Frames of lazy areas are counted as free: a reclaim that cannot release enough is
                // left out.
                let lazy = stats.pages_lazy.min(self.waiting.len() as u64);
                let needed = need.frames + tables_for(need.pages) + reserve;
                let is_short = stats.frames_free + lazy < needed;
                let on = |node: u32| stats.frames_free_by_node[node as usize];
                let is_node_short = need.only.is_some_and(|node| on(node) < need.frames);
                // The free frames may be scattered, so that no block of 512 is free.
                let is_deserved = is_short || is_node_short || need.must_be_large;
                assert!(is_deserved, "{error}: {} are free, {lazy} lazy", stats.frames_free);
            }
            AllocateError::WindowExhausted { .. } => {
                let fit = self.gaps(need.pages + 1, need.align).next();
                assert_eq!(fit, None, "{error}");
            }
            AllocateError::RegionsExhausted { limit } => {
                assert_eq!((stats.areas_lazy, stats.pages_pooled), (0, 0), "{error}");
                assert_eq!(self.held.len(), limit as usize, "{error}");
            }
            _ => panic!("the model does not know this error: {error}"),
        }
    }
}
