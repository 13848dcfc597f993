//! Changes the rights of regions.

use super::flush;
use super::parts::Core;
use crate::error::RegionError;
use crate::id::RegionId;
use crate::machine::Machine;
use crate::paging;
use crate::paging::Entry;
use crate::region::extent::Traits;
use crate::region::stage::Stage;
use crate::request::Protection;
use crate::tlb::{FlushReason, Plan};

/// Changes the rights of a region that is in the stage `stage`, and flushes its pages on every CPU.
pub(super) fn protect<M: Machine>(
    core: &Core<M>,
    id: RegionId,
    stage: Stage,
    protection: Protection,
) -> Result<(), RegionError> {
    core.slots().step(id, stage, stage.changing())?;
    let record = core.slots().slot(id.slot());
    let (range, traits) = (record.range(), record.traits());
    if traits.mapped && !traits.promised.includes(protection) {
        let is_back = record.step(id.generation(), stage.changing(), stage);
        assert!(is_back, "region {id} changed its stage before its rights were changed");
        return Err(RegionError::NotPromised { id });
    }
    if protection != traits.protection {
        let rights = Entry::rights(protection);
        let (machine, buddy) = (&core.machine, &core.frames.buddy);
        if traits.large {
            paging::large::protect(&core.tables, machine, buddy, range, rights);
        } else {
            core.tables.protect(machine, buddy, range, rights);
        }
        let now = Traits { protection, ..traits };
        record.rebuild(record.requested(), range, now, record.leaf());
        let mut plan = Plan::new::<M>();
        plan.add(range);
        flush::now(core, &plan, FlushReason::Protection);
    }
    let is_back = record.step(id.generation(), stage.changing(), stage);
    assert!(is_back, "region {id} changed its stage while its rights were changed");
    Ok(())
}
