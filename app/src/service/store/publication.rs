//! How a region is published: its name, its lease, and the region that it replaces.

use arrayvec::ArrayVec;
use runtime_config::limits::NAME_BYTES_MAX;

use super::clock::Lease;

/// A name that outlives its request.
pub(in crate::service) type KeptName = ArrayVec<u8, NAME_BYTES_MAX>;

/// What a region is called, and for how long it lives.
///
/// The name is the request's own bytes as long as the request is served, and a copy for work that
/// takes longer: a name may be long, and most requests need no copy.
#[derive(Debug, Default)]
pub(in crate::service) struct Publication<N> {
    pub(super) name: Option<N>,
    /// Whether the region that has the name may be freed.
    pub(super) replace: bool,
    /// Whether there must be such a region.
    pub(super) must_replace: bool,
    pub(super) lease: Option<Lease>,
    /// Whether the lease of the region that has the name goes on.
    pub(super) keep_lease: bool,
}

impl<'a> Publication<&'a [u8]> {
    /// A region that may have a name and a lease.
    pub(in crate::service) fn new(
        name: Option<&'a [u8]>,
        replace: bool,
        lease_ms: Option<u64>,
    ) -> Self {
        Self { name, replace, lease: lease_ms.map(Lease::For), ..Self::default() }
    }

    /// A name that was checked.
    pub(in crate::service) fn of(name: &'a [u8]) -> Self {
        Self { name: Some(name), replace: true, ..Self::default() }
    }

    /// The same with a copy of the name.
    pub(in crate::service) fn kept(&self) -> Publication<KeptName> {
        let Self { name, replace, must_replace, lease, keep_lease } = *self;
        // Names that are valid fit.
        let name = name.map(|name| name.try_into().unwrap_or_default());
        Publication { name, replace, must_replace, lease, keep_lease }
    }

    /// The name that the region gets.
    pub(in crate::service) fn name(&self) -> Option<&'a [u8]> {
        self.name
    }

    /// Whether the region ends by itself.
    pub(in crate::service) fn has_lease(&self) -> bool {
        self.lease.is_some()
    }
}

impl<N> Publication<N> {
    /// Refuses to replace a region, or to do anything else.
    pub(in crate::service) fn condition(mut self, only_new: bool, only_old: bool) -> Self {
        self.replace = !only_new;
        self.must_replace = only_old;
        self
    }

    /// Sets for how long the region lives.
    pub(in crate::service) fn lease(mut self, lease: Option<Lease>, keep: bool) -> Self {
        self.lease = lease;
        self.keep_lease = keep;
        self
    }
}

impl Publication<KeptName> {
    /// The same as its request would say it.
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
