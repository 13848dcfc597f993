//! The audit: every structure compared with every other.
//!
//! Nothing here trusts a counter: free runs, region slots, page tables and frame records are walked
//! and must tell the same story.

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

/// Compares free addresses, region slots, page tables, frames and counters, each found anew.
///
/// Among what it proves: free runs, areas at rest, lazy areas and regions with their guards tile the
/// window; every leaf belongs to a busy region, with that region's rights, and none is global or both
/// writable and executable; every frame is in one place; all of them add up to what was handed over.
///
/// # Context
///
/// Takes each lock for a part of the time, waits for its turn and holds off purges: for threads with
/// interrupts on. Totals are compared, so nothing may be allocated or freed meanwhile, or it reports
/// what it saw half done.
///
/// # Complexity
///
/// O(regions + frames + tables), with the slots that no region has.
#[must_use]
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
