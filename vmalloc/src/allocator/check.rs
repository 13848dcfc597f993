//! Audits a window: compares its data structures with each other.
//!
//! The audit trusts no counter. It walks the free runs, the slots, the page tables and the frame
//! records, and compares the totals with the counters.

mod areas;
mod audit;
mod frames;
mod tables;
#[cfg(test)]
mod tests;

pub use audit::{Audit, Violation};

use super::parts::Core;
use super::statistics;
use crate::machine::Machine;

/// Compares the free addresses, slots, page tables, frames and counters of a window.
pub(super) fn check<M: Machine>(core: &Core<M>) -> Audit {
    let guard = core.tlb.lock(&core.machine);
    let stats = statistics::read(core);
    let mut audit = Audit::of(&stats);
    areas::check(core, &mut audit, &stats);
    tables::check(core, &mut audit, &stats);
    frames::check(core, &mut audit);
    if let Err(what) = core.tlb.audit() {
        audit.note(what, stats.generation);
    }
    drop(guard);
    audit
}
