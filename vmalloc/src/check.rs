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

use crate::allocator::Vmalloc;
use crate::machine::Machine;
use crate::page::Page;

impl<M: Machine> Vmalloc<M> {
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
    pub fn check(&self) -> Audit {
        let turn = self.tlb.take_turn(&self.machine);
        let stats = self.stats();
        let mut audit = Audit::of(&stats);
        self.check_areas(&mut audit, &stats);
        self.check_tables(&mut audit, &stats);
        self.check_frames(&mut audit);
        if let Err(what) = self.tlb.audit() {
            audit.note(what, stats.generation);
        }
        drop(turn);
        audit
    }
}

fn entry_address(page: Page) -> u64 {
    page.start_address().as_u64()
}
