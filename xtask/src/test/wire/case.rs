//! A case of the layer `wire`, with the fact whether Linux can be tested in place of the image.

use super::bed::Bed;
use super::findings::Findings;

/// A case of the layer `wire`.
pub(super) struct WireCase {
    pub(super) name: &'static str,
    pub(super) run: fn(&Bed<'_>, &mut Findings) -> anyhow::Result<()>,
    /// Whether Linux can be tested in place of the image.
    pub(super) has_control: bool,
}

/// Makes a case that Linux must pass too.
pub(super) const fn both(
    name: &'static str,
    run: fn(&Bed<'_>, &mut Findings) -> anyhow::Result<()>,
) -> WireCase {
    WireCase { name, run, has_control: true }
}

/// Makes a case about a property that only the image has.
pub(super) const fn image(
    name: &'static str,
    run: fn(&Bed<'_>, &mut Findings) -> anyhow::Result<()>,
) -> WireCase {
    WireCase { name, run, has_control: false }
}
