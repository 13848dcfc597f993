//! Offloads operations to APs: they are submitted, performed by an AP, and their results are
//! collected.
//!
//! The AP calls only the library, and does not access the service. All services of a process share
//! the slots, because an AP receives only the number of its slot.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

use runtime_config::limits::CPUS_MAX;
use spin::Mutex;
use vmalloc::{
    Access, AllocateError, Audit, Protection, Purged, RegionError, RegionId, RegionInfo, Request,
    Resize, ResizeError, Resized, Vmalloc,
};

/// A function that makes an idle AP call `work` with `argument`. It returns `false` if all APs are
/// busy.
pub type Submit<M> =
    fn(vm: &'static Vmalloc<M>, work: fn(&'static Vmalloc<M>, usize), argument: usize) -> bool;

/// An operation of the library that an AP can perform.
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
        /// Whether cached addresses, frames and tables are released too.
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

/// The slots for operations in flight. There is one per CPU, because each AP performs at most one
/// operation.
static SLOTS: [OffloadSlot; CPUS_MAX] =
    [const { OffloadSlot { state: AtomicU8::new(FREE), content: Mutex::new(SlotContent::Empty) } };
        CPUS_MAX];

/// An operation in flight. The holder of the ticket must poll it until the operation has completed.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an operation that is never polled keeps its slot"]
pub(in crate::service) struct Ticket(usize);

/// The operations in flight of one service.
pub(super) struct Offload<M: Access + 'static> {
    submit: Option<Submit<M>>,
    /// Operations in flight.
    in_flight: u32,
    /// Operations that were ever submitted.
    submitted: u64,
}

impl<M: Access> Offload<M> {
    /// Creates the value without APs.
    pub(super) fn new() -> Self {
        Self { submit: None, in_flight: 0, submitted: 0 }
    }

    /// Sets the function that submits work to an AP.
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

    /// Returns how many operations were submitted since boot.
    pub(super) fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Submits an operation to an idle AP. Returns `None` if all APs are busy.
    pub(super) fn submit(
        &mut self,
        vm: &'static Vmalloc<M>,
        operation: Operation,
    ) -> Option<Ticket> {
        let submit = self.submit?;
        let take = |slot: &OffloadSlot| {
            // Acquire: pairs with the Release in `poll`, with which any service freed the slot. The
            // content of the slot is then no longer in use.
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

    /// Returns the result of an operation once it has completed. Returns the ticket while the
    /// operation is in flight.
    pub(super) fn poll(&mut self, ticket: Ticket) -> Result<Completion, Ticket> {
        let slot = &SLOTS[ticket.0];
        // Acquire: pairs with the Release in `run`. This CPU then observes all effects of the
        // operation.
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

impl<M: Access> fmt::Debug for Offload<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offload({} in flight)", self.in_flight)
    }
}

/// Performs the operation in slot `number` on the calling AP.
fn run<M: Access>(vm: &'static Vmalloc<M>, number: usize) {
    let Some(slot) = SLOTS.get(number) else { return };
    let content = core::mem::replace(&mut *slot.content.lock(), SlotContent::Empty);
    let SlotContent::Operation(operation) = content else { return };
    *slot.content.lock() = SlotContent::Completion(perform(vm, operation));
    // Release: pairs with the Acquire in `poll`, which observes the effects of the operation.
    slot.state.store(DONE, Ordering::Release);
}

/// Purges lazy areas. With `everything`, also releases all caches of the library.
pub(in crate::service) fn purge<M: Access>(vm: &Vmalloc<M>, everything: bool) -> Purged {
    if everything { vm.reclaim() } else { vm.purge() }
}

fn perform<M: Access>(vm: &'static Vmalloc<M>, operation: Operation) -> Completion {
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
