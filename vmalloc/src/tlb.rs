//! TLB flushes, which remove an old translation from every CPU.
//!
//! Every shootdown is a generation. After it has ended, no CPU reaches pages that were unmapped
//! before it began, and its end is a value: [`Flushed`]. This module knows no tables.
//!
//! # Protocol
//!
//! Shootdowns are totally ordered: a CPU holds the [`ShootdownGuard`] while it runs one.
//!
//! 1. The initiator has cleared entries. It posts the plan, fences, raises the generation G.
//! 2. A CPU reads G, flushes, and publishes as `seen` the value that it read before the flush: in
//!    its loop, or in the handler of the interrupt that only laggards get.
//! 3. The initiator waits until every CPU that is not halted has seen G.
//! 4. A CPU that halts says so, fences, and looks for work once more; a CPU that wakes takes that
//!    back, fences, reads G and flushes if it has moved, and only then touches the window.
//!
//! The plan names single pages where there are few. A CPU may follow it only from the generation
//! right before; any other flushes everything.
//!
//! Tables need more: a halted CPU walks speculatively too, and it is the interrupt that makes it
//! drop what it remembers of a table. So a shootdown that frees tables waits for halted CPUs too.
//!
//! # Source
//!
//! Intel SDM volume 3, "Caching Translation Information", "Propagation of Paging-Structure Changes
//! to Multiple Processors".

pub(crate) mod coherence;
pub(crate) mod cpu_state;
mod flush;
pub(crate) mod plan;

#[cfg(all(test, loom))]
pub(crate) use coherence::Laggard;
pub(crate) use coherence::{Coherence, Flushed, ShootdownGuard};
pub use flush::{FlushKind, FlushReason};
pub(crate) use plan::Plan;
