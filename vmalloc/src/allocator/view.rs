//! Views: the requested bytes of a region as slices, on machines whose window is mapped for the running code.
//!
//! A view borrows the owner of the region. So the region is not freed, resized, protected or zeroed
//! while the view exists: these methods take the owner or borrow it mutably, and the methods by id
//! and address refuse a region with an owner.
//!
//! The owner records whether all these bytes are initialized. They are after a zeroed allocation, after
//! [`Region::zero`] of all pages, and after [`Region::assume_init`]. They no longer are after a
//! growth with undefined contents and after [`Region::as_uninit_slice`]. [`Region::into_raw`]
//! forgets it.
#![expect(unsafe_code, reason = "bytes of a region become values")]

use core::mem::MaybeUninit;
use core::slice;

use super::handle::Region;
use crate::direct::{self, Direct};
use crate::error::ViewError;
use crate::page::PAGE_BYTES;
use crate::pod::Pod;
use crate::request::Protection;

impl<M: Direct> Region<'_, M> {
    /// Returns the bytes of the region as values: as many as fit in the requested size.
    ///
    /// # Errors
    ///
    /// - [`ViewError::Mapped`]: the region maps frames of the caller, which other code may write.
    /// - [`ViewError::Protection`]: the region cannot be read.
    /// - [`ViewError::Uninitialized`]: the contents may be undefined.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use vmalloc::{Direct, Vmalloc};
    ///
    /// fn sum<M: Direct>(vm: &Vmalloc<M>) -> Result<u32, Box<dyn std::error::Error>> {
    ///     let mut region = vm.vzalloc(10_000)?;
    ///     region.as_mut_slice::<u32>()?[2_000] = 7;
    ///     Ok(region.as_slice::<u32>()?.iter().sum())
    /// }
    /// ```
    ///
    /// While a view exists, the region does not change:
    ///
    /// ```compile_fail,E0502
    /// # use vmalloc::{Direct, Protection, Region};
    /// fn aliases<M: Direct>(mut region: Region<'_, M>) -> u8 {
    ///     let view = region.as_slice::<u8>().unwrap();
    ///     region.protect(Protection::None).unwrap();
    ///     view[0]
    /// }
    /// ```
    ///
    /// ```compile_fail,E0502
    /// # use vmalloc::{Direct, PageCount, Region};
    /// fn aliases<M: Direct>(mut region: Region<'_, M>) -> u8 {
    ///     let view = region.as_slice::<u8>().unwrap();
    ///     region.zero(PageCount::ZERO, PageCount::ONE);
    ///     view[0]
    /// }
    /// ```
    ///
    /// ```compile_fail,E0505
    /// # use vmalloc::{Direct, Region, RegionId};
    /// fn aliases<M: Direct>(mut region: Region<'_, M>) -> (u8, RegionId) {
    ///     let view = region.as_mut_slice::<u8>().unwrap();
    ///     let id = region.into_raw();
    ///     (view[0], id)
    /// }
    /// ```
    pub fn as_slice<T: Pod>(&self) -> Result<&[T], ViewError> {
        self.check(|protection| protection != Protection::None)?;
        self.check_init()?;
        let (pointer, length) = self.values::<T>();
        // SAFETY: `check` and `check_init` have found readable pages of initialized bytes, which
        // are valid values of `T`. The borrow of the owner keeps both as long as the slice exists.
        Ok(unsafe { slice::from_raw_parts(pointer, length) })
    }

    /// Returns the bytes of the region as values that can be changed. Length as for
    /// [`as_slice`](Self::as_slice).
    ///
    /// # Errors
    ///
    /// As for [`as_slice`](Self::as_slice), and [`ViewError::Protection`] if the region cannot be
    /// written.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn as_mut_slice<T: Pod>(&mut self) -> Result<&mut [T], ViewError> {
        self.check(|protection| protection == Protection::ReadWrite)?;
        self.check_init()?;
        let (pointer, length) = self.values::<T>();
        // SAFETY: as in `as_slice`; the pages can be written, `&mut self` makes the access
        // exclusive, and a `T` has no padding, so the bytes stay initialized.
        Ok(unsafe { slice::from_raw_parts_mut(pointer, length) })
    }

    /// Returns the bytes of the region as places for values, for regions with undefined contents.
    /// Length as for [`as_slice`](Self::as_slice). The region counts as uninitialized afterwards:
    /// see [`assume_init`](Self::assume_init).
    ///
    /// # Errors
    ///
    /// As for [`as_mut_slice`](Self::as_mut_slice), except [`ViewError::Uninitialized`].
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    pub fn as_uninit_slice<T>(&mut self) -> Result<&mut [MaybeUninit<T>], ViewError> {
        self.check(|protection| protection == Protection::ReadWrite)?;
        // The caller may store values with padding, which is not initialized.
        self.set_init(false);
        let (pointer, length) = self.values::<MaybeUninit<T>>();
        // SAFETY: `check` has found pages that can be read and written, `&mut self` makes the access
        // exclusive, and a `MaybeUninit` may have any contents.
        Ok(unsafe { slice::from_raw_parts_mut(pointer, length) })
    }

    /// Records that all requested bytes are initialized, so that [`as_slice`](Self::as_slice) and
    /// [`as_mut_slice`](Self::as_mut_slice) return them.
    ///
    /// # Safety
    ///
    /// The caller, or code that the caller trusts, has initialized every requested byte, for
    /// example through [`as_uninit_slice`](Self::as_uninit_slice).
    pub unsafe fn assume_init(&mut self) {
        self.set_init(true);
    }

    /// Returns the first value of the region, and the number of values that fit.
    fn values<T>(&self) -> (*mut T, usize) {
        const {
            assert!(size_of::<T>() > 0, "a view needs values with a size");
            assert!(align_of::<T>() as u64 <= PAGE_BYTES, "a region is aligned to a page");
        };
        let bytes = usize::try_from(self.requested()).expect("addresses have 64 bits");
        (direct::pointer::<M>(self.address()).cast().as_ptr(), bytes / size_of::<T>())
    }

    /// Checks that the crate owns the frames, and that the rights suffice.
    fn check(&self, suffices: impl Fn(Protection) -> bool) -> Result<(), ViewError> {
        let (id, traits) = (self.id(), self.traits());
        match traits.protection {
            _ if traits.mapped => Err(ViewError::Mapped { id }),
            protection if suffices(protection) => Ok(()),
            _ => Err(ViewError::Protection { id }),
        }
    }

    fn check_init(&self) -> Result<(), ViewError> {
        if self.is_init() { Ok(()) } else { Err(ViewError::Uninitialized { id: self.id() }) }
    }
}
