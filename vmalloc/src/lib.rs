//! Virtually contiguous kernel memory from scattered physical frames.
//!
//! A [`Vmalloc`] owns a *window* of the higher half and some physical memory. [`Vmalloc::vmalloc`]
//! takes a run of addresses and as many frames as needed, which may be scattered over the memory.
//! It maps the frames with the page tables of the crate, and leaves an unmapped *guard page* behind
//! them. [`Vmalloc::vfree`] unmaps a region. Its addresses and frames are not used again before
//! every CPU has flushed its TLB.
//!
//! The kernel implements three small traits, joined in [`Machine`]: access to frames, TLB flushes, and
//! the CPUs. The crate needs no allocator, no threads and no clock.
//! `PORTING.md` lists the duties of a kernel, `DESIGN.md` explains the design.
//!
//! # A first region
//!
//! With the feature `sim` the crate has a simulated machine for the host, with an MMU and with TLBs
//! that keep stale translations. All examples here run on this machine; on hardware only the set-up
//! differs.
//!
//! ```
//! use vmalloc::{sim, SiteKind};
//!
//! // 256 frames, one CPU, a window of 1024 pages; the default number of slots, and no reserve.
//! let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
//!
//! let region = vm.vzalloc(10_000)?;
//! assert_eq!(region.bytes(), 12_288);
//! vm.machine().write(region.address() + 9_996u64, b"tail").unwrap();
//!
//! // The page behind the region is unmapped, and names the region whose guard it is.
//! let guard = region.address() + region.bytes();
//! assert!(vm.machine().write(guard, b"x").is_err());
//! let site = vm.locate(guard + 7u64);
//! assert_eq!((site.kind, site.distance), (SiteKind::Guard, 7));
//! assert_eq!(site.region.unwrap().id, region.id());
//!
//! drop(region);
//! assert!(vm.check().is_sound());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Regions and ids
//!
//! Dropping a [`Region`] frees it. A region that has such an owner cannot be freed by its id.
//! [`Region::into_raw`] gives up the owner, for interfaces like that of C: then [`Vmalloc::vfree`]
//! frees the region by its id, and [`Vmalloc::vfree_at`] by its first address. An id is never used
//! for a second region, so a late or double free is an error without effect.
//!
//! A [`Request`] has options besides the size: alignment, zeroing, rights, NUMA node, large pages,
//! and a name and a tag for reports. An invalid request cannot be created.
//!
//! ```
//! use vmalloc::{sim, Protection, RegionError, Request};
//!
//! let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
//! let request = Request::try_new(5_000)?.align(65_536)?.zeroed().caller("log").owner(7);
//! let id = vm.allocate(&request)?.into_raw();
//!
//! let info = vm.info(id)?;
//! assert!(info.range.address().is_aligned(65_536u64));
//! assert_eq!((info.requested, info.range.count().get()), (5_000, 2));
//! assert_eq!((info.caller, info.owner, info.protection), ("log", 7, Protection::ReadWrite));
//!
//! vm.vfree(id)?;
//! assert_eq!(vm.vfree(id).unwrap_err(), RegionError::Gone { id });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Resizing
//!
//! [`Region::resize`] and [`Vmalloc::vrealloc`] move page-table entries, not bytes. A shrink
//! releases the last frames. A growth takes the addresses behind the region if these are free;
//! otherwise it moves the region with its frames to other addresses. After an error the region is
//! unchanged.
//!
//! ```
//! use vmalloc::{sim, Resize, Resized};
//!
//! let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
//! let mut region = vm.vzalloc(4_096)?;
//! vm.machine().write(region.address(), b"first bytes stay").unwrap();
//!
//! assert_eq!(region.resize(&Resize::to(12_288))?, Resized::Grown);
//! let neighbour = vm.vmalloc(4_096)?;
//! assert_eq!(region.resize(&Resize::to(20_480))?, Resized::Moved);
//! assert_eq!(region.resize(&Resize::to(4_096))?, Resized::Shrunk);
//!
//! let mut bytes = [0; 16];
//! vm.machine().read(region.address(), &mut bytes).unwrap();
//! assert_eq!(&bytes, b"first bytes stay");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rights
//!
//! [`Region::protect`] and [`Vmalloc::protect`] change the rights of the pages. When they return,
//! every CPU uses the new rights. No [`Protection`] is both writable and executable: code is
//! written first and made executable afterwards. [`Protection::None`] keeps the contents.
//!
//! ```
//! use vmalloc::{sim, AccessKind, Protection};
//!
//! let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
//! let mut code = vm.vmalloc(4_096)?;
//! vm.machine().write(code.address(), &[0xc3]).unwrap();
//! code.protect(Protection::ReadExecute)?;
//! vm.machine().probe(code.address(), AccessKind::Execute).unwrap();
//! assert!(vm.machine().write(code.address(), &[0xcc]).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Views
//!
//! On a machine whose window is mapped for the running code ([`Direct`]), [`Region::as_slice`] and
//! [`Region::as_mut_slice`] return the requested bytes of a region as values of a type that is
//! [`Pod`]. The contents must be initialized, as those of a zeroed region are. The bytes of other
//! regions are filled first, through [`Region::as_uninit_slice`].
//!
//! # Lazy frees and the purge
//!
//! A free clears the entries and puts the region on a list of its CPU: its addresses and frames are
//! *lazy*. A *purge* takes the lists of all CPUs, makes every CPU flush once, and then releases the
//! addresses and frames, so many frees share one flush. A purge starts when the lazy areas of all
//! CPUs exceed their limit, before an allocation fails for which they could be enough, and on a call
//! of [`Vmalloc::purge`]. With [`FlushMode::Eager`] every free flushes.
//!
//! # Many CPUs
//!
//! Every method takes `&self`. A CPU that starts calls [`Vmalloc::leave_idle`] before it accesses
//! the window. It acknowledges flushes by [`Vmalloc::acknowledge`], in the handler of
//! [`TlbControl::interrupt`]. A CPU that also calls this in its main loop gets fewer interrupts. A
//! CPU that is idle between [`Vmalloc::enter_idle`] and [`Vmalloc::leave_idle`] gets none, unless
//! page tables are freed. No flush waits for a CPU that is off line ([`Vmalloc::leave_cpu`]).
//!
//! ```
//! use vmalloc::{sim, AccessKind, CpuId};
//!
//! let vm = sim::SimMachine::new(256, 2).set_up(sim::window(1024), 0, 0)?;
//! let on = |cpu| vm.machine().on(CpuId(cpu));
//! on(1);
//! vm.leave_idle();
//!
//! // CPU 1 has the page in its TLB when CPU 0 frees it.
//! let region = vm.vmalloc(4_096)?;
//! let address = region.address();
//! vm.machine().probe(address, AccessKind::Read).unwrap();
//! on(0);
//! let free = vm.stats().frames_free;
//! drop(region);
//!
//! // CPU 1 still reaches the frame, so the frame is not free yet.
//! on(1);
//! vm.machine().probe(address, AccessKind::Read).unwrap();
//! assert_eq!(vm.stats().frames_free, free);
//!
//! on(0);
//! assert_eq!(vm.purge().areas, 1);
//! assert_eq!(vm.stats().frames_free, free + 1);
//! on(1);
//! assert!(vm.machine().probe(address, AccessKind::Read).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Too little memory
//!
//! A slot for the region, addresses, frames, and frames for tables are reserved before the first
//! entry is stored, so after an error the state is unchanged. Before an error is returned, caches
//! are emptied, lazy areas are purged if they could be enough, and the request is retried. A request
//! that could never be served is refused without a flush. [`Config::reserve`] keeps
//! frames for requests that must not fail: see [`Request::with_reserve`]. [`Modes::inject`] makes
//! any reservation fail, for tests.
//!
//! ```
//! use vmalloc::{sim, AllocateError, Request, VmallocError};
//!
//! let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 20)?;
//! let mut regions = Vec::new();
//! let error = loop {
//!     match vm.vmalloc(4_096) {
//!         Ok(region) => regions.push(region),
//!         Err(error) => break error,
//!     }
//! };
//! assert!(matches!(error, VmallocError::Allocate(AllocateError::FramesExhausted { .. })));
//! assert!(vm.allocate(&Request::try_new(4_096)?.with_reserve()).is_ok());
//!
//! // A freed region is lazy. A request that needs its frames purges it.
//! regions.pop();
//! assert!(vm.vmalloc(4_096).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Frames of the caller
//!
//! [`Vmalloc::vmap`] maps frames that belong to the caller. [`Vmalloc::vunmap`] returns when no CPU
//! can reach the frames by the mapped addresses any more. [`Vmalloc::vunmap_lazy`] returns
//! immediately, with a [`FlushTicket`] that tells when this is so.
//!
//! # Reports
//!
//! [`Vmalloc::next_area`] and [`Vmalloc::write_row`] list all areas in the format of
//! `/proc/vmallocinfo` in Linux. [`Vmalloc::walk`] returns the page-table entries of an address,
//! [`Vmalloc::locate`] the region of an address, and [`Vmalloc::stats`] the counters.
//! [`Vmalloc::check`] audits the data structures of the window.
//!
//! ```
//! use vmalloc::{sim, Cursor, Request};
//!
//! let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
//! let region = vm.allocate(&Request::try_new(5_000)?.caller("log"))?;
//! let (mut text, mut cursor) = (String::new(), Cursor::START);
//! while let Some((info, next)) = vm.next_area(cursor) {
//!     vm.write_row(&info, info.caller, &mut text)?;
//!     cursor = next;
//! }
//! // End and size include the guard.
//! assert_eq!(text, "0xffffc90000000000-0xffffc90000003000   12288 log pages=2 vmalloc N0=2\n");
//!
//! let leaf = vm.walk(region.address()).entries[3].unwrap();
//! assert_eq!(leaf.to_string(), "P W NX");
//! assert!(vm.check().is_sound());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Linux functions
//!
//! | Linux | here |
//! |---|---|
//! | `vmalloc` | [`Vmalloc::vmalloc`]; with options [`Request`] and [`Vmalloc::allocate`] |
//! | `vzalloc` | [`Vmalloc::vzalloc`], [`Request::zeroed`] |
//! | `vmalloc_node` | [`Vmalloc::vmalloc_node`], [`Request::prefer_node`], [`Request::only_node`] |
//! | `vzalloc_node` | [`Request::zeroed`] with [`Request::prefer_node`] |
//! | `vrealloc` | [`Region::resize`], [`Vmalloc::vrealloc`]: entries move, and a shrink frees frames |
//! | `vfree` | dropping a [`Region`]; [`Vmalloc::vfree`] by id, [`Vmalloc::vfree_at`] by address |
//! | `vfree_atomic` | [`Vmalloc::free_deferred`] |
//! | `GFP_NOWAIT` | [`Request::nowait`], [`Resize::nowait`] |
//! | `vmap` | [`Vmalloc::vmap`] |
//! | `vunmap` | [`Vmalloc::vunmap`], or dropping the [`Region`] |
//! | `vm_map_ram`, `vm_unmap_ram` | [`Vmalloc::vmap`], [`Vmalloc::vunmap_lazy`]: the pools make them cheap enough |
//! | `find_vm_area` | [`Vmalloc::find`]; guards and freed areas too: [`Vmalloc::locate`] |
//! | `vmalloc_to_page` | [`Vmalloc::translate`]; all levels: [`Vmalloc::walk`] |
//! | `is_vmalloc_addr` | [`Vmalloc::window`] and [`PageRange::holds`] |
//! | `set_memory_ro`, `_rw`, `_x`, `_np` | [`Vmalloc::protect`], [`Region::protect`]: a whole region at once |
//! | `vm_unmap_aliases` | [`Vmalloc::purge`] |
//! | `/proc/vmallocinfo` | [`Vmalloc::next_area`], [`Vmalloc::write_row`] |
//! | `VM_ALLOW_HUGE_VMAP` | [`Huge::Try`]; [`Huge::Must`] fails instead of falling back |
//! | `lazy_max_pages` | the same 32 MiB, and as much again for each doubling of the CPUs, but at most 1/16 of all frames |
//! | `remap_vmalloc_range` | missing: there are no user mappings |
//! | `ioremap` | [`Vmalloc::vmap`] by frames, which need not be RAM; the entries set no memory type |
//!
//! # Functions of other kernels and crates
//!
//! `memory` of Theseus, `ostd` 0.17 of Asterinas, and `aarch64-paging` 0.12:
//!
//! | there | here |
//! |---|---|
//! | Theseus `create_mapping`, `MappedPages` | [`Vmalloc::vmalloc`], [`Region`] |
//! | Theseus `MappedPages::as_slice`, `as_slice_mut` | [`Region::as_slice`], [`Region::as_mut_slice`]: initialized contents only |
//! | Theseus `MappedPages::remap` | [`Region::protect`] |
//! | Theseus `MappedPages::unmap_into_parts` | for frames of the caller: [`Vmalloc::vunmap`] |
//! | Theseus `MappedPages::split`, `merge` | missing |
//! | Theseus `Mapper::map_allocated_pages_to` | [`Vmalloc::vmap`] |
//! | Theseus `Mapper::translate`, `dump_pte` | [`Vmalloc::translate`], [`Vmalloc::walk`] |
//! | Theseus `set_broadcast_tlb_shootdown_cb` | [`TlbControl::interrupt`] and [`Vmalloc::acknowledge`] |
//! | `ostd` `KVirtArea::map_frames`, `map_untracked_frames` | [`Vmalloc::vmap`]; a part of an area cannot stay unmapped |
//! | `ostd` `KVirtArea::query` | [`Vmalloc::walk`] |
//! | `ostd` `PageProperty` | [`Protection`]; there is no cache policy |
//! | `ostd` `VMALLOC_VADDR_RANGE` | [`Config::window`] |
//! | `aarch64-paging` `Mapping::map_range` | [`Vmalloc::vmap`], which takes the addresses too |
//! | `aarch64-paging` `Mapping::modify_range` | [`Region::protect`] |
//! | `aarch64-paging` `Mapping::walk_range` | [`Vmalloc::entries`] |
//! | `aarch64-paging` `Translation` | [`PhysicalMemory`] for `physical_to_virtual`; tables are frames of the window |
//! | `aarch64-paging` `Mapping::activate` | missing: the window is linked in [`Machine::root`] |
//!
//! # Features
//!
//! - No default features: `no_std`, without an allocator.
//! - `sim`: the module `sim`, a machine on the host for tests. Needs `std`.
//! - `allocator-api2`: the module `collections`, an allocator for collections that live in the
//!   window. It implements the trait of `allocator-api2` 0.2, which `hashbrown` takes.
//! - `bench`: internals for the crate's own benchmark. Not for other users.
//!
//! # Versions
//!
//! The compiler is Rust 1.88 or later. The interface uses types of the crate [`x86_64`]. Errors,
//! [`Stats`] and descriptions such as [`RegionInfo`] may get more variants and fields; [`Config`] is
//! made with `..Config::new(window, memory)` for the same reason.
//!
//! # Limits
//!
//! - No demand paging, no user mappings, no sparse regions.
//! - No memory for DMA: the frames of a region are scattered. [`Vmalloc::take_run`] returns
//!   adjacent frames.
//! - No memory types: no entry is uncached or write-combining.
//! - No pages of 1 GiB, and four levels of tables only.
//! - Rights and sizes apply to whole regions.
//! - W^X holds for each mapping of the window, not for other mappings of the same frames.

#![no_std]

#[cfg(feature = "sim")]
extern crate std;

#[cfg(all(test, not(all(feature = "sim", feature = "allocator-api2"))))]
compile_error!("the tests need the features of the crate: cargo test --all-features");

mod allocator;
mod area;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
#[cfg(feature = "allocator-api2")]
pub mod collections;
mod direct;
mod error;
mod frame;
mod id;
mod inject;
#[cfg(all(test, loom))]
mod loom;
mod machine;
mod page;
mod paging;
mod pod;
mod raw;
mod region;
mod request;
#[cfg(feature = "sim")]
pub mod sim;
mod stats;
mod switches;
mod sync;
mod tlb;

/// The README's example, which must run too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The attempts of SOUNDNESS.md, which must not compile.
#[cfg(doctest)]
#[doc = include_str!("../SOUNDNESS.md")]
struct Soundness;

/// The crate whose address types the interface uses. A kernel that uses this name needs no matching
/// version of its own.
pub use x86_64;

pub use allocator::{
    Audit, Config, Cursor, FaultSite, FaultVerdict, Faults, FlushTicket, Modes, Purged, Region,
    SiteKind, Violation, Vmalloc,
};
pub use direct::Direct;
pub use error::{
    AllocateError, RegionError, RequestError, ResizeError, RunError, SetupError, ViewError,
    VmallocError,
};
pub use frame::FrameRange;
pub use id::{REGIONS_MAX, RegionId};
pub use inject::Reservation;
pub use machine::{
    Access, AccessKind, CpuId, CpuSet, Cpus, FLUSH_PAGES_MAX, Fault, Machine, NODES,
    PhysicalMemory, TlbControl,
};
pub use page::{Frame, PAGE_BYTES, Page, PageCount, PageRange};
pub use paging::{Entry, Walk};
pub use pod::Pod;
pub use region::{RegionInfo, RegionState};
pub use request::{Huge, Protection, Request, Resize, Resized};
pub use stats::{Family, Metric, MetricKind, Row, Stats};
pub use switches::{FlushMode, FrameMode, PoolMode, ReallocMode};
pub use tlb::{FlushKind, FlushReason};
