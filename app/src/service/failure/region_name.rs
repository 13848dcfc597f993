//! Names regions in errors and reports.

use core::fmt;

use vmalloc::RegionId;

use crate::service::shown::Shown;

/// A region as errors and probes name it, for example `region=1 name=buf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionName {
    /// The id of the region.
    pub id: RegionId,
    /// The name of the region, if it has one.
    pub name: Option<Shown>,
}

impl fmt::Display for RegionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "region={}", self.id)?;
        self.name.iter().try_for_each(|name| write!(f, " name={name}"))
    }
}
