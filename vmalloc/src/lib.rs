//! Virtually contiguous kernel memory from scattered physical frames.
//!
//! A [`Vmalloc`] owns a window of the higher half and some frames. [`Vmalloc::vmalloc`] takes a run
//! of addresses and as many frames as it needs from wherever they lie, maps them with page tables
//! of its own, and leaves an unmapped guard page behind them. [`Vmalloc::vfree`] unmaps, and
//! neither addresses nor frames are used again before the TLB has been flushed.
//!
//! The kernel lends the crate four small traits, joined in [`Machine`]; with the feature `sim` the
//! crate brings a machine for the host, with an MMU and TLBs that remember what they should not.
//!
//! # Examples
//!
//! ```
//! use vmalloc::{sim, Access};
//!
//! let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
//!
//! let region = vm.vzalloc(10_000)?;
//! vm.machine().write(region.address() + 9_996u64, b"tail").unwrap();
//! assert_eq!(region.bytes(), 12_288);
//!
//! // The page behind the region belongs to nobody.
//! let guard = region.address() + region.bytes();
//! assert!(vm.machine().write(guard, b"x").is_err());
//! assert_eq!(vm.locate(guard).kind, vmalloc::SiteKind::Guard);
//!
//! drop(region);
//! assert!(vm.check().is_sound());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//!
//! No demand paging, no user mappings, no memory for DMA: a region's frames are scattered.

#![no_std]

#[cfg(feature = "sim")]
extern crate std;

mod allocator;
mod area;
mod check;
mod error;
mod fault;
mod frame;
mod inject;
mod machine;
mod page;
mod paging;
mod purge;
mod raw;
mod region;
mod report;
mod request;
mod setup;
#[cfg(feature = "sim")]
pub mod sim;
mod stats;
mod tlb;

/// NUMA nodes that frames are counted by.
pub const NODES: usize = 1;

pub use allocator::{Vmalloc, VmallocError};
pub use check::{Audit, Violation};
pub use error::{AllocateError, RegionError, RequestError, SetupError};
pub use fault::{FaultSite, SiteKind};
pub use frame::FrameRange;
pub use inject::Reservation;
pub use machine::{Access, AccessKind, CpuId, Cpus, Fault, Machine, PhysicalMemory, TlbControl};
pub use page::{Frame, PAGE_BYTES, Page, PageCount, PageRange};
pub use paging::{Entry, Walk};
pub use purge::Purged;
pub use region::{REGIONS_MAX, Region, RegionId, RegionInfo, RegionState};
pub use request::{Protection, Request};
pub use setup::Config;
pub use stats::{Row, Stats};
pub use tlb::FlushKind;
