//! Flushes the TLBs of all CPUs, so that no CPU uses an old translation.
//!
//! Every shootdown has a number, its generation. After it is complete, no CPU can reach pages that
//! were unmapped before it began. The proof of completion is a value of the type [`Flushed`]. This
//! module knows no page tables.
//!
//! # Protocol
//!
//! Shootdowns run one after the other: a CPU holds the [`ShootdownGuard`] while it runs one.
//!
//! 1. The initiator has cleared entries. It posts the plan of the flush, executes a fence, and
//!    stores the new generation G.
//! 2. Every CPU reads G, flushes, and publishes as `seen` the value that it read before the flush.
//!    A CPU does so in its main loop, or in the handler of the IPI that the initiator sends, once,
//!    to all CPUs that have not done so yet.
//! 3. The initiator then waits until every CPU that is not halted has seen G.
//! 4. A CPU that halts publishes this, executes a fence, and looks for work once more. A CPU that
//!    wakes publishes this, executes a fence, reads G and flushes if G has changed. Only then does
//!    it access the window.
//!
//! A CPU that goes off line counts as absent, as before it started: no shootdown waits for it. It
//! may not walk the tables, and when it starts again it does the same as a CPU that wakes.
//!
//! After a shootdown that has failed, frees attempt no further one until the overdue CPUs have
//! answered, or until enough frees have skipped it ([`backoff`]).
//!
//! A plan for few pages lists the pages. A CPU may follow the list only if it has seen the
//! generation directly before; any other CPU flushes everything.
//!
//! A shootdown that frees page tables also waits for halted CPUs: a halted CPU may walk the tables
//! speculatively, and only its IPI handler drops the tables from its paging-structure caches.
//!
//! # Source
//!
//! Intel SDM volume 3, "Caching Translation Information", "Propagation of Paging-Structure Changes
//! to Multiple Processors".

mod backoff;
pub(crate) mod coherence;
pub(crate) mod cpu_state;
mod flush;
pub(crate) mod plan;

#[cfg(all(test, loom))]
pub(crate) use coherence::Laggards;
pub(crate) use coherence::{Coherence, Flushed, ShootdownGuard};
pub use flush::{FlushKind, FlushReason};
pub(crate) use plan::Plan;
