//! Does again what a trace says, in its order.

use std::collections::BTreeMap;
use std::vec::Vec;

use x86_64::VirtAddr;

use super::{TraceFlags, TraceOp, TraceRecord};
use crate::allocator::Vmalloc;
use crate::machine::Machine;
use crate::region::{Region, RegionId};
use crate::request::Request;
use crate::resize::Resize;
use crate::stats::Stats;

/// How a replay went.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Operations that succeeded.
    pub succeeded: u64,
    /// Operations that ended in an error.
    pub failed: u64,
    /// Operations that ended otherwise than in the trace: in an error, or in none.
    pub diverged: u64,
    /// Regions that lie elsewhere than in the trace.
    pub moved: u64,
    /// Where every allocation that succeeded came to lie, in order.
    pub addresses: Vec<VirtAddr>,
    /// Regions that the trace leaves alive, by their ids in the trace. Whoever replayed frees them.
    pub living: Vec<(u64, RegionId)>,
    /// The counters after the last operation.
    pub stats: Stats,
}

/// Does again what `records` say, in their order, on a window that nobody else uses.
///
/// Regions are named by their ids in the trace, whatever ids they get here. The records must reach
/// back to the window's set-up, or the frees of older regions diverge. Where an operation succeeds
/// that failed in the trace, the region is freed at once: nothing later in the trace names it.
///
/// # Errors
///
/// None: operations that end in an error are counted.
///
/// # Examples
///
/// ```
/// use vmalloc::sim::{self, SimMachine};
///
/// let machine = || SimMachine::new(256, 1).set_up_with(sim::window(64), |config| config.trace = 8);
/// let vm = machine()?;
/// let region = vm.vmalloc(5_000)?;
/// drop(vm.vmalloc(1)?);
///
/// let again = machine()?;
/// let replayed = vmalloc::trace::replay(&again, vm.ring().records(0).map(|(_, record)| record));
/// assert_eq!((replayed.succeeded, replayed.diverged, replayed.moved), (3, 0, 0));
/// assert_eq!(replayed.addresses[0], region.address());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replay<M: Machine>(
    vm: &Vmalloc<M>,
    records: impl IntoIterator<Item = TraceRecord>,
) -> Replayed {
    let mut player = Player::new(vm);
    for record in records {
        player.play(&record);
    }
    player.finish()
}

/// The regions that live in the trace, each owned: a refused free of the trace frees none of them.
struct Player<'v, M: Machine> {
    vm: &'v Vmalloc<M>,
    regions: BTreeMap<u64, Region<'v, M>>,
    replayed: Replayed,
}

impl<'v, M: Machine> Player<'v, M> {
    fn new(vm: &'v Vmalloc<M>) -> Self {
        let replayed = Replayed {
            succeeded: 0,
            failed: 0,
            diverged: 0,
            moved: 0,
            addresses: Vec::new(),
            living: Vec::new(),
            stats: vm.stats(),
        };
        Self { vm, regions: BTreeMap::new(), replayed }
    }

    fn play(&mut self, record: &TraceRecord) {
        let succeeded = match record.op {
            TraceOp::Allocate => self.allocate(record),
            TraceOp::Free => self.free(record),
            TraceOp::Purge => {
                self.vm.purge();
                true
            }
            TraceOp::Resize => {
                self.on(record, |region| region.resize(&Resize::to(record.bytes)).is_ok())
            }
            TraceOp::Protect => self.on(record, |region| region.protect(record.protection).is_ok()),
        };
        let count =
            if succeeded { &mut self.replayed.succeeded } else { &mut self.replayed.failed };
        *count += 1;
        self.replayed.diverged += u64::from(succeeded == record.has_failed());
    }

    fn allocate(&mut self, record: &TraceRecord) -> bool {
        let made = request(record).and_then(|request| self.vm.allocate(&request).ok());
        let Some(region) = made else {
            return false;
        };
        self.replayed.addresses.push(region.address());
        if !record.has_failed() {
            self.replayed.moved += u64::from(region.address().as_u64() != record.address);
            self.regions.insert(record.id, region);
        }
        true
    }

    /// Does something to a region that lives by the trace; what names no such region fails again.
    fn on(&mut self, record: &TraceRecord, work: impl FnOnce(&mut Region<'v, M>) -> bool) -> bool {
        let Some(region) = self.regions.get_mut(&record.id) else { return false };
        let done = work(region);
        if !record.has_failed() {
            let is_elsewhere = record.address != 0 && region.address().as_u64() != record.address;
            self.replayed.moved += u64::from(is_elsewhere);
        }
        done
    }

    fn free(&mut self, record: &TraceRecord) -> bool {
        if !record.has_failed()
            && let Some(region) = self.regions.remove(&record.id)
        {
            drop(region);
            return true;
        }
        // Refused here as well: what lives has an owner.
        let known = self.regions.get(&record.id).map(Region::id);
        match known.or(RegionId::from_raw(record.id)) {
            Some(id) => self.vm.vfree(id).is_ok(),
            None => self.vm.vfree_at(VirtAddr::new_truncate(record.address)).is_ok(),
        }
    }

    fn finish(self) -> Replayed {
        let living = self.regions.into_iter().map(|(id, region)| (id, region.into_raw())).collect();
        Replayed { living, stats: self.vm.stats(), ..self.replayed }
    }
}

/// The request of an allocation, unless no caller can have made it.
fn request(record: &TraceRecord) -> Option<Request> {
    let mut request = Request::try_new(record.bytes).ok()?.align(record.align).ok()?;
    if record.flags.contains(TraceFlags::ZEROED) {
        request = request.zeroed();
    }
    if record.flags.contains(TraceFlags::SYSTEM) {
        request = request.system();
    }
    if record.flags.contains(TraceFlags::RESERVE) {
        request = request.with_reserve();
    }
    if let Some(node) = record.node {
        request = if record.flags.contains(TraceFlags::ONLY_NODE) {
            request.only_node(node).ok()?
        } else {
            request.prefer_node(node).ok()?
        };
    }
    request.protection(record.protection).huge(record.huge).ok()
}
