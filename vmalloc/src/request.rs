//! Requests for regions. An invalid request cannot be created.

mod nodes;
mod resize;

pub(crate) use nodes::{NODE_BITS, NodeChoice};
pub use resize::{Resize, Resized};

use crate::error::RequestError;
use crate::page::{LARGE_PAGES, PAGE_BYTES, PageCount};

/// The rights of the pages of a region. No protection is both writable and executable, so code is
/// written first and made executable afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u64)]
pub enum Protection {
    /// Loads only.
    ReadOnly = 0,
    /// Loads and stores.
    #[default]
    ReadWrite,
    /// Loads and instruction fetches.
    ReadExecute,
    /// No access: every access faults. The contents stay.
    None,
}

impl Protection {
    /// Returns whether this protection allows every access that `other` allows.
    pub(crate) fn includes(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::None) => true,
            (Self::None, _) => false,
            (_, Self::ReadOnly) => true,
            (this, other) => this == other,
        }
    }

    /// Returns the protection with this number; `None` for an invalid number.
    pub(crate) fn from_number(number: u64) -> Self {
        match number {
            0 => Self::ReadOnly,
            1 => Self::ReadWrite,
            2 => Self::ReadExecute,
            _ => Self::None,
        }
    }
}

/// Whether a region may, or must, have leaves of 2 MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Huge {
    /// Only leaves of 4 KiB.
    #[default]
    Never,
    /// Leaves of 2 MiB where addresses and frames allow them, and pages of 4 KiB elsewhere.
    Try,
    /// A leaf of 2 MiB for every whole 2 MiB of the size, or an error. Only the remainder has pages
    /// of 4 KiB.
    Must,
}

/// The longest name of the calling code, in bytes: a slot records its length in 12 bits.
const CALLER_MAX: usize = (1 << (u16::BITS - NODE_BITS)) - 1;

/// A checked request for a region.
///
/// Holding a request proves that its size with the guard page fits in 64 bits, and that its
/// alignment is a power of two of at least a page.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    bytes: u64,
    pages: PageCount,
    align: PageCount,
    zeroed: bool,
    system: bool,
    reserve: bool,
    nowait: bool,
    protection: Protection,
    huge: Huge,
    nodes: NodeChoice,
    caller: &'static str,
    owner: u64,
}

impl Request {
    /// Creates a request for `bytes` bytes, rounded up to whole pages, with default options:
    /// undefined contents, readable and writable, frames of any node.
    ///
    /// # Errors
    ///
    /// - [`RequestError::ZeroSize`]: `bytes` is 0.
    /// - [`RequestError::SizeOverflow`]: the size with the guard page does not fit in 64 bits.
    #[inline]
    pub fn try_new(bytes: u64) -> Result<Self, RequestError> {
        if bytes == 0 {
            return Err(RequestError::ZeroSize);
        }
        let pages = PageCount::covering(bytes)
            .filter(|pages| pages.checked_add(PageCount::ONE).is_some())
            .ok_or(RequestError::SizeOverflow { bytes })?;
        Ok(Self {
            bytes,
            pages,
            align: PageCount::ONE,
            zeroed: false,
            system: false,
            reserve: false,
            nowait: false,
            protection: Protection::default(),
            huge: Huge::default(),
            nodes: NodeChoice::Any,
            caller: "",
            owner: 0,
        })
    }

    /// Creates a request for `count` elements of `size` bytes each.
    ///
    /// # Errors
    ///
    /// As for [`try_new`](Self::try_new). If the product does not fit in 64 bits, returns
    /// [`RequestError::SizeOverflow`] with the highest 64-bit size.
    pub fn for_array(count: u64, size: u64) -> Result<Self, RequestError> {
        let overflow = RequestError::SizeOverflow { bytes: u64::MAX };
        Self::try_new(count.checked_mul(size).ok_or(overflow)?)
    }

    /// Sets the alignment of the first byte. An alignment below a page means a page.
    ///
    /// # Units
    ///
    /// Bytes, a power of two.
    ///
    /// # Errors
    ///
    /// [`RequestError::Alignment`]: `bytes` is not a power of two.
    pub fn align(mut self, bytes: u64) -> Result<Self, RequestError> {
        if !bytes.is_power_of_two() {
            return Err(RequestError::Alignment { bytes });
        }
        self.align = PageCount::covering(bytes).unwrap_or(PageCount::MAX);
        debug_assert!(bytes < PAGE_BYTES || self.align.bytes() == bytes);
        Ok(self)
    }

    /// Requests memory that contains zeros, up to the end of the last page.
    #[must_use]
    pub fn zeroed(mut self) -> Self {
        self.zeroed = true;
        self
    }

    /// Sets the rights of the pages.
    #[must_use]
    pub fn protection(mut self, protection: Protection) -> Self {
        self.protection = protection;
        self
    }

    /// Sets whether the region has large leaves. A region that is long enough for one starts at a
    /// multiple of 2 MiB. With [`Huge::Try`] it may start elsewhere if no such address is free. If
    /// empty page tables are cached in the places of large leaves, the allocation frees these first,
    /// with one shootdown.
    ///
    /// # Errors
    ///
    /// [`RequestError::TooSmallForHuge`]: leaves of 2 MiB are required, and the size is below 2
    /// MiB.
    ///
    /// # Source
    ///
    /// Linux's `VM_ALLOW_HUGE_VMAP`, for [`Huge::Try`].
    pub fn huge(mut self, huge: Huge) -> Result<Self, RequestError> {
        if huge == Huge::Must && self.pages.get() < LARGE_PAGES {
            return Err(RequestError::TooSmallForHuge { bytes: self.bytes });
        }
        self.huge = huge;
        Ok(self)
    }

    /// Requests frames of a NUMA node. If it has too few free frames, other nodes are used too. The
    /// region keeps this preference when it grows.
    ///
    /// # Errors
    ///
    /// [`RequestError::Node`]: the number of the node is too high.
    pub fn prefer_node(mut self, node: u32) -> Result<Self, RequestError> {
        self.nodes = NodeChoice::Prefer(NodeChoice::known(node)?);
        Ok(self)
    }

    /// Requests only frames of this NUMA node, also when the region grows. Page tables may be on
    /// other nodes.
    ///
    /// # Errors
    ///
    /// As for [`prefer_node`](Self::prefer_node).
    pub fn only_node(mut self, node: u32) -> Result<Self, RequestError> {
        self.nodes = NodeChoice::Only(NodeChoice::known(node)?);
        Ok(self)
    }

    /// Sets the name of the calling code for reports. An empty name is not printed. Bytes after the
    /// first 4095 are cut off.
    #[must_use]
    pub fn caller(mut self, caller: &'static str) -> Self {
        let is_short = caller.len() <= CALLER_MAX;
        self.caller = if is_short { caller } else { cut(caller, CALLER_MAX) };
        self
    }

    /// Sets a number that the caller may use to recognize the region.
    #[must_use]
    pub fn owner(mut self, owner: u64) -> Self {
        self.owner = owner;
        self
    }

    /// Marks the region as one of the kernel itself. Its slot is taken from the high end, so that
    /// the ids of clients start at 1.
    #[must_use]
    pub fn system(mut self) -> Self {
        self.system = true;
        self
    }

    /// Allows the region to take frames of the reserve, for regions that must not fail when clients
    /// have taken all other frames. A later growth of the region may not take them.
    #[must_use]
    pub fn with_reserve(mut self) -> Self {
        self.reserve = true;
        self
    }

    /// Excludes every wait for other CPUs: the request sends no interrupt and runs no shootdown. It
    /// may take everything that is free or cached. If only a flush could release more, it fails
    /// with [`AllocateError::WouldWait`](crate::AllocateError::WouldWait).
    ///
    /// # Context
    ///
    /// Atomic context: threads with interrupts or preemption off. Interrupt handlers may not
    /// allocate, because they could have interrupted the holder of a lock of the crate. For the
    /// same reason the caller holds no lock that an interrupt handler takes. The region is freed
    /// outside, or by [`Region::into_raw`](crate::Region::into_raw) and
    /// [`free_deferred`](crate::Vmalloc::free_deferred).
    ///
    /// # Source
    ///
    /// Linux's `GFP_NOWAIT`.
    #[must_use]
    pub fn nowait(mut self) -> Self {
        self.nowait = true;
        self
    }

    /// Returns the number of pages of the region, without its guard page.
    #[must_use]
    #[inline]
    pub fn pages(&self) -> PageCount {
        self.pages
    }

    #[inline]
    pub(crate) fn requested(&self) -> u64 {
        self.bytes
    }

    #[inline]
    pub(crate) fn alignment(&self) -> PageCount {
        self.align
    }

    #[inline]
    pub(crate) fn is_zeroed(&self) -> bool {
        self.zeroed
    }

    #[inline]
    pub(crate) fn is_system(&self) -> bool {
        self.system
    }

    #[inline]
    pub(crate) fn may_take_reserve(&self) -> bool {
        self.reserve
    }

    #[inline]
    pub(crate) fn may_wait(&self) -> bool {
        !self.nowait
    }

    #[inline]
    pub(crate) fn wanted_protection(&self) -> Protection {
        self.protection
    }

    /// Returns whether the region may or must have large leaves. If the size is below 2 MiB, it has
    /// none.
    pub(crate) fn wanted_huge(&self) -> Huge {
        if self.pages.get() < LARGE_PAGES { Huge::Never } else { self.huge }
    }

    /// Returns whether this is a request for a client region on single frames of any node.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.nodes == NodeChoice::Any && self.huge == Huge::Never && !self.system
    }

    #[inline]
    pub(crate) fn wanted_nodes(&self) -> NodeChoice {
        self.nodes
    }

    #[inline]
    pub(crate) fn caller_name(&self) -> &'static str {
        self.caller
    }

    #[inline]
    pub(crate) fn owner_tag(&self) -> u64 {
        self.owner
    }
}

/// Returns the longest start of `text` of at most `bytes` bytes.
#[cold]
fn cut(text: &'static str, bytes: usize) -> &'static str {
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end));
    end.map_or("", |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let long: &'static str = std::boxed::Box::leak("ü".repeat(4_000).into_boxed_str());
        let request = Request::try_new(1).unwrap().caller(long);
        assert_eq!(request.caller_name().len(), 4_094);
        assert_eq!(request.caller("short").caller_name(), "short");
    }

    #[test]
    fn impossible_sizes_cannot_be_asked_for() {
        assert_eq!(Request::try_new(0).unwrap_err(), RequestError::ZeroSize);
        assert_eq!(
            Request::try_new(u64::MAX).unwrap_err(),
            RequestError::SizeOverflow { bytes: u64::MAX }
        );
        assert!(Request::try_new(1 << 63).is_ok());
        assert_eq!(Request::try_new(4097).unwrap().pages().get(), 2);
    }

    #[test]
    fn arrays_are_multiplied_without_wrapping() {
        assert_eq!(Request::for_array(3, 4096).unwrap().requested(), 3 * 4096);
        assert_eq!(Request::for_array(0, 8).unwrap_err(), RequestError::ZeroSize);
        let overflow = RequestError::SizeOverflow { bytes: u64::MAX };
        for (count, size) in [(1 << 32, 1 << 32), (u64::MAX, 2), (u64::MAX, u64::MAX)] {
            assert_eq!(Request::for_array(count, size).unwrap_err(), overflow);
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(
            (cut("abc", 2), cut("aéb", 2), cut("aéb", 3), cut("é", 1)),
            ("ab", "a", "aé", "")
        );
    }

    #[test]
    fn alignments_are_powers_of_two() {
        let request = Request::try_new(1).unwrap();
        for bytes in [0, 3, 4097, u64::MAX] {
            assert_eq!(request.align(bytes).unwrap_err(), RequestError::Alignment { bytes });
        }
        assert_eq!(request.align(1).unwrap().alignment(), PageCount::ONE);
        assert_eq!(request.align(1 << 63).unwrap().alignment().bytes(), 1 << 63);
    }
}
