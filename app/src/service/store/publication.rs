//! Describes the publication of a region: its name, its lease, and the region that it replaces.

use arrayvec::ArrayVec;
use runtime_config::limits::NAME_BYTES_MAX;

use super::clock::Lease;

/// A copy of a name that is kept after its request was consumed.
pub(in crate::service) type KeptName = ArrayVec<u8, NAME_BYTES_MAX>;

/// The name and the lease with which a region is published.
///
/// While the request is served, the name borrows the bytes of the request. Work that continues in
/// later turns keeps a copy. The name is not always copied, because names may be long and most
/// requests need no copy.
#[derive(Debug, Default)]
pub(in crate::service) struct Publication<N> {
    pub(super) name: Option<N>,
    /// Whether the region that has the name at present may be replaced.
    pub(super) replace: bool,
    /// Whether some region must have the name at present.
    pub(super) must_replace: bool,
    pub(super) lease: Option<Lease>,
    /// Whether the region gets the lease of the region that it replaces.
    pub(super) keep_lease: bool,
}

impl<'a> Publication<&'a [u8]> {
    /// Creates a publication with an optional name and lease.
    pub(in crate::service) fn new(
        name: Option<&'a [u8]>,
        replace: bool,
        lease_ms: Option<u64>,
    ) -> Self {
        Self { name, replace, lease: lease_ms.map(Lease::For), ..Self::default() }
    }

    /// Creates a publication with a name. The name must have been checked.
    pub(in crate::service) fn of(name: &'a [u8]) -> Self {
        Self { name: Some(name), replace: true, ..Self::default() }
    }

    /// Copies the publication together with the name.
    pub(in crate::service) fn kept(&self) -> Publication<KeptName> {
        let Self { name, replace, must_replace, lease, keep_lease } = *self;
        // A valid name fits into the copy.
        let name = name.map(|name| name.try_into().unwrap_or_default());
        Publication { name, replace, must_replace, lease, keep_lease }
    }

    /// Returns the name that the region gets.
    pub(in crate::service) fn name(&self) -> Option<&'a [u8]> {
        self.name
    }

    /// Returns whether the region gets a lease.
    pub(in crate::service) fn has_lease(&self) -> bool {
        self.lease.is_some()
    }
}

impl<N> Publication<N> {
    /// Restricts the publication: with `only_new` to names that are not in use, with `only_old` to
    /// names that are in use.
    pub(in crate::service) fn condition(mut self, only_new: bool, only_old: bool) -> Self {
        self.replace = !only_new;
        self.must_replace = only_old;
        self
    }

    /// Sets the lease of the region. With `keep`, it gets the lease of the region that it replaces.
    pub(in crate::service) fn lease(mut self, lease: Option<Lease>, keep: bool) -> Self {
        self.lease = lease;
        self.keep_lease = keep;
        self
    }
}

impl Publication<KeptName> {
    /// Returns the same publication with a borrowed name.
    pub(in crate::service) fn borrowed(&self) -> Publication<&[u8]> {
        let Self { name, replace, must_replace, lease, keep_lease } = self;
        Publication {
            name: name.as_deref(),
            replace: *replace,
            must_replace: *must_replace,
            lease: *lease,
            keep_lease: *keep_lease,
        }
    }
}
