//! What a caller asks for. A request that can never be served cannot be built.

use crate::error::RequestError;
use crate::page::{PAGE_BYTES, PageCount};

/// What the pages of a region may be used for. All of them refuse execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// Loads only.
    ReadOnly,
    /// Loads and stores.
    #[default]
    ReadWrite,
}

/// A checked request for a region.
///
/// Holding one proves that its pages and guard fit in 64 bits of addresses and that its alignment
/// is a power of two of at least a page.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    bytes: u64,
    pages: PageCount,
    align: PageCount,
    zeroed: bool,
    system: bool,
    reserve: bool,
    protection: Protection,
    caller: &'static str,
    owner: u64,
}

impl Request {
    /// Asks for `bytes` bytes, rounded up to pages.
    ///
    /// # Errors
    ///
    /// - [`RequestError::ZeroSize`]: `bytes` is 0.
    /// - [`RequestError::SizeOverflow`]: pages and guard have no 64-bit size.
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
            protection: Protection::default(),
            caller: "",
            owner: 0,
        })
    }

    /// Aligns the first byte to `bytes`; below a page means a page.
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

    /// Asks for memory that reads as zeros, up to the end of the last page.
    #[must_use]
    pub fn zeroed(mut self) -> Self {
        self.zeroed = true;
        self
    }

    /// Sets what the pages may be used for.
    #[must_use]
    pub fn protection(mut self, protection: Protection) -> Self {
        self.protection = protection;
        self
    }

    /// Names the code that asks, as reports print it. The empty name prints as none.
    #[must_use]
    pub fn caller(mut self, caller: &'static str) -> Self {
        self.caller = caller;
        self
    }

    /// Tags the region with a number of the caller's own.
    #[must_use]
    pub fn owner(mut self, owner: u64) -> Self {
        self.owner = owner;
        self
    }

    /// Marks the region as the kernel's own: its slot comes from the far end, so that the ids that
    /// others see start at 1.
    #[must_use]
    pub fn system(mut self) -> Self {
        self.system = true;
        self
    }

    /// Lets the region take frames of the reserve: for what must not fail because clients have
    /// taken all the rest.
    #[must_use]
    pub fn with_reserve(mut self) -> Self {
        self.reserve = true;
        self
    }

    pub(crate) fn pages(&self) -> PageCount {
        self.pages
    }

    pub(crate) fn requested(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn alignment(&self) -> PageCount {
        self.align
    }

    pub(crate) fn is_zeroed(&self) -> bool {
        self.zeroed
    }

    pub(crate) fn is_system(&self) -> bool {
        self.system
    }

    pub(crate) fn may_take_reserve(&self) -> bool {
        self.reserve
    }

    pub(crate) fn wanted_protection(&self) -> Protection {
        self.protection
    }

    pub(crate) fn caller_name(&self) -> &'static str {
        self.caller
    }

    pub(crate) fn owner_tag(&self) -> u64 {
        self.owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn alignments_are_powers_of_two() {
        let request = Request::try_new(1).unwrap();
        for bytes in [0, 3, 4097, u64::MAX] {
            assert_eq!(request.align(bytes).unwrap_err(), RequestError::Alignment { bytes });
        }
        assert_eq!(request.align(1).unwrap().alignment(), PageCount::ONE);
        assert_eq!(request.align(1 << 63).unwrap().alignment().bytes(), 1 << 63);
    }
}
