//! Flushes whose callers wait for every CPU.

use super::parts::Core;
use crate::machine::Machine;
use crate::tlb::{FlushReason, Plan};

/// How often a flush that cannot be put off is begun again.
const WAITS_MAX: u32 = 30;

/// Makes every CPU drop what the plan names, before this returns.
///
/// # Panics
///
/// If a CPU does not answer for [`WAITS_MAX`] times the machine's patience: the caller has
/// promised that no CPU goes on with the old translations, and cannot take that back.
pub(super) fn now<M: Machine>(core: &Core<M>, plan: &Plan, reason: FlushReason) {
    let guard = core.tlb.lock(&core.machine);
    core.counters.shootdown(reason, plan);
    let mut failed = None;
    for _ in 0..WAITS_MAX {
        match core.tlb.shoot(&core.machine, &guard, plan, false) {
            Ok(_) => return,
            Err(laggard) => failed = Some(laggard),
        }
    }
    panic!("{failed:?} does not answer a flush that cannot wait");
}
