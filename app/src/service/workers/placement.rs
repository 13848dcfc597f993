//! Decides where the work of a request is done: within the request, in slices, or on an AP.

use super::budget::SLICE_PAGES;

/// Maximum number of pages of a region that the BSP unmaps. For a larger region the BSP would delay
/// all other requests for too long, so an AP unmaps it.
pub(super) const UNMAP_PAGES_MAX: u64 = 4096;

/// The place where work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum Placement {
    /// On the BSP, within the request.
    Here,
    /// On the BSP, in slices over several turns.
    Sliced,
    /// On an AP. If all APs are busy, the request is retried.
    Ap,
    /// On an AP, or in slices on the BSP if all APs are busy.
    ApOrSliced,
}

/// The cost of a request's work, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum Cost {
    /// Zeroing a new region of this number of pages.
    Allocate(u64),
    /// Resizing a region.
    Resize {
        /// Pages that are added and zeroed.
        zeroed: u64,
        /// Pages that are copied.
        copied: u64,
        /// Pages that are unmapped.
        unmapped: u64,
    },
    /// Changing or removing the page-table entries of a region of this number of pages.
    Unmap(u64),
    /// A pass over all areas in the window.
    Window,
}

impl Cost {
    /// Decides where work of this cost is done. Every command uses this function, so all of them
    /// follow the same limits.
    pub(super) fn place(self, has_aps: bool) -> Placement {
        let is_long = |pages: u64| pages > SLICE_PAGES;
        match self {
            Self::Allocate(pages) if !is_long(pages) => Placement::Here,
            Self::Allocate(_) if !has_aps => Placement::Sliced,
            Self::Allocate(pages) if pages <= UNMAP_PAGES_MAX => Placement::ApOrSliced,
            Self::Allocate(_) => Placement::Ap,
            Self::Resize { zeroed, copied, unmapped } => {
                let is_worth_an_ap =
                    is_long(zeroed) || is_long(copied) || unmapped > UNMAP_PAGES_MAX;
                match (has_aps, is_long(zeroed)) {
                    (true, _) if is_worth_an_ap => Placement::Ap,
                    (_, true) => Placement::Sliced,
                    _ => Placement::Here,
                }
            }
            Self::Unmap(pages) if has_aps && pages > UNMAP_PAGES_MAX => Placement::Ap,
            Self::Window if has_aps => Placement::Ap,
            Self::Unmap(_) | Self::Window => Placement::Here,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_aps_work_is_done_here_or_in_slices() {
        for (cost, placement) in [
            (Cost::Allocate(256), Placement::Here),
            (Cost::Allocate(257), Placement::Sliced),
            (Cost::Resize { zeroed: 257, copied: 0, unmapped: 0 }, Placement::Sliced),
            (Cost::Resize { zeroed: 0, copied: 9999, unmapped: 9999 }, Placement::Here),
            (Cost::Unmap(1 << 20), Placement::Here),
            (Cost::Window, Placement::Here),
        ] {
            assert_eq!(cost.place(false), placement, "{cost:?}");
        }
    }

    #[test]
    fn with_aps_long_work_is_theirs() {
        for (cost, placement) in [
            (Cost::Allocate(256), Placement::Here),
            (Cost::Allocate(257), Placement::ApOrSliced),
            (Cost::Allocate(4097), Placement::Ap),
            (Cost::Resize { zeroed: 256, copied: 256, unmapped: 4096 }, Placement::Here),
            (Cost::Resize { zeroed: 257, copied: 0, unmapped: 0 }, Placement::Ap),
            (Cost::Resize { zeroed: 0, copied: 257, unmapped: 0 }, Placement::Ap),
            (Cost::Resize { zeroed: 0, copied: 0, unmapped: 4097 }, Placement::Ap),
            (Cost::Unmap(4096), Placement::Here),
            (Cost::Unmap(4097), Placement::Ap),
            (Cost::Window, Placement::Ap),
        ] {
            assert_eq!(cost.place(true), placement, "{cost:?}");
        }
    }
}
