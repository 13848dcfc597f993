//! Runs flushes that must complete before the caller continues.

use super::parts::Core;
use crate::machine::Machine;
use crate::tlb::{FlushReason, Plan};

/// The number of times that such a flush is attempted.
const WAITS_MAX: u32 = 30;

/// Flushes the pages of `plan` on every CPU before this returns.
///
/// # Panics
///
/// If a CPU does not acknowledge in [`WAITS_MAX`] attempts, each of which waits as long as the
/// machine allows. The caller has already changed entries and cannot roll back, so old translations
/// would stay in use.
pub(super) fn now<M: Machine>(core: &Core<M>, plan: &Plan, reason: FlushReason) {
    let mut guard = core.tlb.lock(&core.machine);
    core.counters.shootdown(reason, plan);
    let mut failed = None;
    for _ in 0..WAITS_MAX {
        match core.tlb.shoot(&core.machine, &mut guard, plan, false) {
            Ok(_) => return,
            Err(laggards) => failed = Some(laggards),
        }
    }
    panic!("{failed:?} do not answer a flush that cannot wait");
}
