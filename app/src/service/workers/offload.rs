//! Work that an AP does for the service: submitted, done there, collected.
//!
//! The AP sees only the library, nothing of the service. The slots are the same for every service of a
//! process, because an AP is told the number of a slot and nothing else.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

use runtime_config::limits::CPUS_MAX;
use spin::Mutex;
use vmalloc::{
    AllocateError, Audit, Machine, Protection, Purged, RegionError, RegionId, RegionInfo, Request,
    Resize, ResizeError, Resized, Vmalloc,
};

/// Has an AP call `work` with a number; returns `false` if all APs are busy.
pub type Submit<M> =
    fn(vm: &'static Vmalloc<M>, work: fn(&'static Vmalloc<M>, usize), argument: usize) -> bool;

/// A call of the library that an AP makes.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) enum Operation {
    /// Allocate a region and zero it.
    Allocate(Request),
    /// Free a region.
    Free(RegionId),
    /// Resize a region.
    Resize(RegionId, Resize),
    /// Change the protection of a region.
    Protect(RegionId, Protection),
    /// Audit the window.
    Check,
    /// Flush and release lazy areas.
    Purge {
        /// Whether addresses, frames and tables that are kept for speed are released too.
        everything: bool,
    },
    /// Clear this number of frames ahead of time.
    FillZeroed(u64),
}

/// The result of an operation.
#[expect(clippy::large_enum_variant, reason = "one per CPU, and the heap is for what stays")]
#[derive(Clone, Copy, Debug)]
pub(in crate::service) enum Completion {
    Allocated(Result<RegionInfo, AllocateError>),
    Freed(Result<RegionInfo, RegionError>),
    Resized(Result<(RegionInfo, Resized), ResizeError>),
    Protected(Result<(), RegionError>),
    Checked(Audit),
    Purged(Purged),
    Filled,
}

const FREE: u8 = 0;
const SUBMITTED: u8 = 1;
const DONE: u8 = 2;

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "as above")]
enum SlotContent {
    Empty,
    Operation(Operation),
    Completion(Completion),
}

struct OffloadSlot {
    state: AtomicU8,
    content: Mutex<SlotContent>,
}

/// No more operations are in flight than there are CPUs.
static SLOTS: [OffloadSlot; CPUS_MAX] =
    [const { OffloadSlot { state: AtomicU8::new(FREE), content: Mutex::new(SlotContent::Empty) } };
        CPUS_MAX];

/// An operation in flight. Holding a ticket is the duty to poll it until the completion is there.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an operation that is never polled keeps its slot"]
pub(in crate::service) struct Ticket(usize);

/// The operations of one service.
pub(super) struct Offload<M: Machine + 'static> {
    submit: Option<Submit<M>>,
    /// Operations in flight.
    in_flight: u32,
    /// Operations that were ever submitted.
    submitted: u64,
}

impl<M: Machine> Offload<M> {
    /// No AP yet.
    pub(super) fn new() -> Self {
        Self { submit: None, in_flight: 0, submitted: 0 }
    }

    /// Sets how an AP is reached.
    pub(super) fn set_submit(&mut self, submit: Submit<M>) {
        self.submit = Some(submit);
    }

    /// Returns whether there are APs.
    pub(super) fn has_aps(&self) -> bool {
        self.submit.is_some()
    }

    /// Returns whether no operation is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// Operations that were ever submitted.
    pub(super) fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Submits an operation to an idle AP; returns `None` if all are busy.
    pub(super) fn submit(
        &mut self,
        vm: &'static Vmalloc<M>,
        operation: Operation,
    ) -> Option<Ticket> {
        let submit = self.submit?;
        let take = |slot: &OffloadSlot| {
            // Acquire: pairs with `poll`, on the side of whatever service that was.
            let (success, failure) = (Ordering::Acquire, Ordering::Relaxed);
            slot.state.compare_exchange(FREE, SUBMITTED, success, failure).is_ok()
        };
        let number = SLOTS.iter().position(take)?;
        *SLOTS[number].content.lock() = SlotContent::Operation(operation);
        if !submit(vm, run, number) {
            SLOTS[number].state.store(FREE, Ordering::Release);
            return None;
        }
        self.in_flight += 1;
        self.submitted += 1;
        Some(Ticket(number))
    }

    /// Takes the completion of an operation, once; gives the ticket back while it is in flight.
    pub(super) fn poll(&mut self, ticket: Ticket) -> Result<Completion, Ticket> {
        let slot = &SLOTS[ticket.0];
        // Acquire: pairs with `run`: what the AP did is seen.
        if slot.state.load(Ordering::Acquire) != DONE {
            return Err(ticket);
        }
        let content = core::mem::replace(&mut *slot.content.lock(), SlotContent::Empty);
        slot.state.store(FREE, Ordering::Release);
        self.in_flight -= 1;
        match content {
            SlotContent::Completion(completion) => Ok(completion),
            other => unreachable!("an operation that is done left {other:?}"),
        }
    }
}

impl<M: Machine> fmt::Debug for Offload<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offload({} in flight)", self.in_flight)
    }
}

/// Runs the operation in a slot, on the AP that calls.
fn run<M: Machine>(vm: &'static Vmalloc<M>, number: usize) {
    let Some(slot) = SLOTS.get(number) else { return };
    let content = core::mem::replace(&mut *slot.content.lock(), SlotContent::Empty);
    let SlotContent::Operation(operation) = content else { return };
    *slot.content.lock() = SlotContent::Completion(perform(vm, operation));
    // Release: pairs with `poll`.
    slot.state.store(DONE, Ordering::Release);
}

/// Purges, and releases everything that is kept for speed if asked to.
pub(in crate::service) fn purge<M: Machine>(vm: &Vmalloc<M>, everything: bool) -> Purged {
    if everything { vm.reclaim() } else { vm.purge() }
}

fn perform<M: Machine>(vm: &'static Vmalloc<M>, operation: Operation) -> Completion {
    match operation {
        Operation::Allocate(request) => {
            Completion::Allocated(vm.allocate(&request).map(|region| {
                let info = region.info();
                let _ = region.into_raw();
                info
            }))
        }
        Operation::Free(id) => Completion::Freed(vm.vfree(id)),
        Operation::Resize(id, target) => Completion::Resized(vm.resize(id, &target)),
        Operation::Protect(id, protection) => Completion::Protected(vm.protect(id, protection)),
        Operation::Check => Completion::Checked(vm.check()),
        Operation::Purge { everything } => Completion::Purged(purge(vm, everything)),
        Operation::FillZeroed(frames) => {
            vm.fill_zeroed(frames);
            Completion::Filled
        }
    }
}
