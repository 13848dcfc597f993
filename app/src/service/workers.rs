//! Decides which CPU does a piece of work, and which sessions must wait for the APs.
//!
//! The BSP does work within a request or in slices, or it offloads the work to an AP.

mod budget;
mod offload;
mod placement;

use vmalloc::{Access, RegionId, Vmalloc};

pub use budget::Budget;
pub use offload::Submit;
pub(super) use offload::{Completion, Operation, Ticket, purge};
pub(super) use placement::{Cost, Placement};

use offload::Offload;

/// The operations in flight on APs that no session waits for.
#[derive(Debug, Default)]
pub(super) struct Background {
    /// A purge of lazy areas, or the clearing of free frames.
    pub(super) idle: Option<Ticket>,
    /// The free of a region that no client uses.
    pub(super) freeing: Option<(Ticket, RegionId)>,
}

/// The APs, and the sessions that exclude requests of other sessions.
#[derive(Debug)]
pub(super) struct Workers<M: Access + 'static> {
    offload: Offload<M>,
    /// The session that waits until no operation is in flight. Until its request is served, other
    /// sessions submit no operations.
    held_for: Option<u64>,
    /// Whether an audit is in progress on an AP, so that no region may be allocated or freed.
    pub(super) is_checking: bool,
    /// The number of the session whose transaction runs, or 0 if no transaction runs.
    pub(super) exclusive: u64,
}

impl<M: Access> Workers<M> {
    /// Creates the value without APs. [`set_submit`](Self::set_submit) adds them.
    pub(super) fn new() -> Self {
        Self { offload: Offload::new(), held_for: None, is_checking: false, exclusive: 0 }
    }

    /// Sets the function that submits work to an AP. Returns the maximum number of pages of a
    /// region that the BSP frees itself.
    pub(super) fn set_submit(&mut self, submit: Submit<M>) -> u64 {
        self.offload.set_submit(submit);
        placement::UNMAP_PAGES_MAX
    }

    /// Returns whether there are APs.
    pub(super) fn has_aps(&self) -> bool {
        self.offload.has_aps()
    }

    /// Returns whether no operation is in flight.
    pub(super) fn are_idle(&self) -> bool {
        self.offload.is_idle()
    }

    /// Returns how many operations were submitted since boot.
    pub(super) fn submitted(&self) -> u64 {
        self.offload.submitted()
    }

    /// Decides where work of this cost is done.
    pub(super) fn place(&self, cost: Cost) -> Placement {
        cost.place(self.has_aps())
    }

    /// Submits an operation for a session. Returns `None` if all APs are busy, or if another
    /// session waits until all APs are idle. The request is then retried.
    pub(super) fn submit(
        &mut self,
        vm: &'static Vmalloc<M>,
        session: u64,
        operation: Operation,
    ) -> Option<Ticket> {
        if self.is_held_for_another(session) {
            return None;
        }
        self.offload.submit(vm, operation)
    }

    /// Submits an operation that no session waits for.
    pub(super) fn submit_in_background(
        &mut self,
        vm: &'static Vmalloc<M>,
        operation: Operation,
    ) -> Option<Ticket> {
        if self.are_held() {
            return None;
        }
        self.offload.submit(vm, operation)
    }

    /// Returns the result of an operation once it has completed. Returns the ticket while the
    /// operation is in flight.
    pub(super) fn poll(&mut self, ticket: Ticket) -> Result<Completion, Ticket> {
        self.offload.poll(ticket)
    }

    /// Returns whether a session waits until no operation is in flight.
    pub(super) fn are_held(&self) -> bool {
        self.held_for.is_some()
    }

    fn is_held_for_another(&self, session: u64) -> bool {
        self.held_for.is_some_and(|number| number != session)
    }

    /// Returns whether no operation is in flight, so that `session` can begin work that needs all
    /// APs. If not, other sessions cannot submit operations until `session` has been served.
    pub(super) fn hold(&mut self, session: u64) -> bool {
        if self.is_held_for_another(session) || !self.are_idle() {
            self.held_for = self.held_for.or(Some(session));
            return false;
        }
        self.held_for = None;
        true
    }

    /// Permits other sessions to submit operations again, because `session` has ended.
    pub(super) fn release(&mut self, session: u64) {
        self.held_for = self.held_for.filter(|number| *number != session);
    }

    /// Returns whether a transaction or an audit is in progress. Some requests are then delayed.
    pub(super) fn are_restricted(&self) -> bool {
        self.is_checking | (self.exclusive != 0)
    }

    /// Returns whether the transaction of another session than `session` is running.
    pub(super) fn exclude(&self, session: u64) -> bool {
        self.exclusive != 0 && self.exclusive != session
    }
}
