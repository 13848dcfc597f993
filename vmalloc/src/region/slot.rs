//! The record of one region, which other CPUs read without a lock.
//!
//! One word, the stamp, has the generation, the version and the stage. The other fields are written
//! in the stage `Free` of a generation that was not yet published. Of a published region only the
//! extent and the address change. The extent is one word. If the address changes too, the extent
//! selects one of two places for the address, so a new description is published by one store.
//!
//! A reader never waits for a writer: it reads again only if a writer has published something since,
//! and a writer that is preempted at any point leaves a description that can be read.
//!
//! A slot describes a region, then the lazy pages of that region, and then possibly an area in a
//! pool. After that it is used again in the next generation.
#![expect(unsafe_code, reason = "joins the caller's name, and promises that zeros are a slot")]

use x86_64::VirtAddr;

use super::extent::{Extent, Traits};
use super::stage::Stage;
use super::{RegionInfo, RegionState};
use crate::frame::{FrameChain, FrameIndex};
use crate::id::RegionId;
use crate::page::{PAGE_BYTES, Page, PageCount, PageRange};
use crate::raw;
use crate::raw::Zeroable;
use crate::request::{NODE_BITS, NodeChoice, Request};
use crate::sync::{AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

const STAGE_BITS: u32 = 8;
const STAGE_MASK: u64 = (1 << STAGE_BITS) - 1;
const VERSION: u64 = 1 << STAGE_BITS;
const VERSION_BITS: u64 = 0xffff << STAGE_BITS;
const GENERATION_SHIFT: u32 = 24;

/// The number of bits of the length of a caller's name.
const LENGTH_BITS: u32 = u16::BITS - NODE_BITS;
const LENGTH_MASK: u16 = (1 << LENGTH_BITS) - 1;

fn stamp(generation: u32, stage: Stage) -> u64 {
    u64::from(generation) << GENERATION_SHIFT | stage as u64
}

#[expect(clippy::cast_possible_truncation, reason = "a generation has 32 bits")]
fn generation_of(stamp: u64) -> u32 {
    (stamp >> GENERATION_SHIFT) as u32
}

/// The error when a writer has published another description while the fields were read.
struct Rewritten;

/// The record of a region: one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Slot {
    stamp: AtomicU64,
    address: AtomicU64,
    /// The word of the [`Extent`].
    extent: AtomicU64,
    owner: AtomicU64,
    caller: AtomicUsize,
    /// The length of the caller's name, and above it the bits of the [`NodeChoice`].
    length_and_nodes: AtomicU16,
    /// The page number of the address, in two parts, while the extent selects this place: bits 32 to
    /// 47 here, and bits 0 to 31 in `elsewhere_low`.
    elsewhere_high: AtomicU16,
    elsewhere_low: AtomicU32,
    /// The next slot of the list that the slot is on: a queue of free slots, a lazy list, or a
    /// stack of a pool.
    next: AtomicU32,
    /// The first and the last frame of the chain of all frames of the region, lazy area or pooled
    /// area. `NONE` if the frames belong to the caller of `vmap`, include blocks of 512, or have
    /// changed since the allocation.
    first_frame: AtomicU32,
    last_frame: AtomicU32,
    /// The leaf table that counts all pages, or `NONE` if there are several or it is not known.
    leaf: AtomicU32,
}

// SAFETY: the record consists of atomic integers only, for which zeros are valid.
unsafe impl Zeroable for Slot {}

impl Slot {
    /// Returns the nodes whose frames the region may have.
    pub(crate) fn nodes(&self) -> NodeChoice {
        NodeChoice::from_bits(self.length_and_nodes.load(Ordering::Relaxed) >> LENGTH_BITS)
    }

    /// Returns the current generation of the slot.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        // Acquire: pairs with the Release stores of the stamp below.
        generation_of(self.stamp.load(Ordering::Acquire))
    }

    /// Returns whether a region of this generation was ever published. It was not while the slot is
    /// free or its region is being built.
    pub(crate) fn has_shown(&self, generation: u32) -> bool {
        // Acquire: pairs with the Release in `publish`. Generation and stage are read in one load,
        // because both may change right after.
        let now = self.stamp.load(Ordering::Acquire);
        let (here, stage) = (generation_of(now), now & STAGE_MASK);
        here > generation || here == generation && stage != Stage::Free as u64
    }

    /// Orders the store of the stamp before the stores to the fields that follow.
    #[inline]
    fn fence_stamp() {
        // Release: pairs with the Acquire fence in `try_read`. A reader that sees a new field also sees
        // the stamp. If another CPU stored the stamp in `retire`, the lock through which this CPU
        // got the slot orders that store before.
        fence(Ordering::Release);
    }

    /// Writes the fields of a region that is being built. Readers do not read them before
    /// [`publish`](Self::publish).
    #[inline(always)]
    pub(crate) fn build(
        &self,
        request: &Request,
        range: PageRange,
        traits: Traits,
        leaf: FrameIndex,
        frames: (FrameIndex, FrameIndex),
    ) {
        Self::fence_stamp();
        let caller = request.caller_name();
        self.address.store(range.address().as_u64(), Ordering::Relaxed);
        self.set_extent(Extent::new(range.count().get(), request.requested(), traits));
        self.leaf.store(leaf.0, Ordering::Relaxed);
        self.set_frames(frames);
        self.owner.store(request.owner_tag(), Ordering::Relaxed);
        self.caller.store(caller.as_ptr().expose_provenance(), Ordering::Relaxed);
        let length = u16::try_from(caller.len()).expect("a request has cut the caller's name");
        let nodes = request.wanted_nodes().bits() << LENGTH_BITS;
        self.length_and_nodes.store(length | nodes, Ordering::Relaxed);
    }

    /// Writes the fields as [`build`](Self::build) does, for a request with default options that
    /// reuses the address and the frames recorded in the slot.
    #[inline(always)]
    pub(crate) fn build_again(&self, pages: u64, bytes: u64, leaf: FrameIndex) {
        Self::fence_stamp();
        self.set_extent(Extent::new(pages, bytes, Traits::default()));
        self.leaf.store(leaf.0, Ordering::Relaxed);
        self.owner.store(0, Ordering::Relaxed);
        self.caller.store("".as_ptr().expose_provenance(), Ordering::Relaxed);
        self.length_and_nodes.store(0, Ordering::Relaxed);
    }

    /// Publishes another size, other rights or another address of a region. The caller has changed
    /// its stage to one of the stages of a region that is being changed. The frames are no longer
    /// recorded, because they may not form one chain any more.
    pub(crate) fn rebuild(
        &self,
        requested: u64,
        range: PageRange,
        traits: Traits,
        leaf: FrameIndex,
    ) {
        let extent = Extent::new(range.count().get(), requested, traits);
        if range.start() == self.page() {
            // Release: pairs with the Acquire in `try_read`.
            self.extent.store(extent.word(), Ordering::Release);
        } else {
            self.show_elsewhere(range, extent);
            self.settle(range, extent);
        }
        self.leaf.store(leaf.0, Ordering::Relaxed);
        self.set_frames((FrameIndex::NONE, FrameIndex::NONE));
    }

    /// Publishes the extent with the address in the second place.
    fn show_elsewhere(&self, range: PageRange, extent: Extent) {
        let now = self.stamp.load(Ordering::Relaxed);
        let version = (now + VERSION) & VERSION_BITS;
        // Release: pairs with the Acquire in `try_read`. A reader that reads this version reads the
        // end of the move before this one too. The version changes so that no reader joins the
        // parts of two addresses.
        self.stamp.store(now & !VERSION_BITS | version, Ordering::Release);
        // Release: pairs with the Acquire fence in `try_read`. A reader that reads a new part of the
        // address also reads the new version.
        fence(Ordering::Release);
        let number = range.address().as_u64() / PAGE_BYTES;
        self.elsewhere_low.store((number & 0xffff_ffff) as u32, Ordering::Relaxed);
        self.elsewhere_high.store((number >> 32 & 0xffff) as u16, Ordering::Relaxed);
        // Release: pairs with the Acquire in `try_read`.
        self.extent.store(extent.elsewhere().word(), Ordering::Release);
    }

    /// Publishes the extent with the address in the first place again, where the owner of the slot
    /// expects it.
    fn settle(&self, range: PageRange, extent: Extent) {
        // Release: pairs with the Acquire fence in `try_read`. A reader that reads the new address
        // also reads that the extent has changed.
        fence(Ordering::Release);
        self.address.store(range.address().as_u64(), Ordering::Relaxed);
        // Release: pairs with the Acquire in `try_read`.
        self.extent.store(extent.word(), Ordering::Release);
    }

    /// Returns the address in the place that the extent selects.
    fn address_of(&self, extent: Extent) -> VirtAddr {
        if !extent.is_elsewhere() {
            return VirtAddr::new_truncate(self.address.load(Ordering::Relaxed));
        }
        let low = u64::from(self.elsewhere_low.load(Ordering::Relaxed));
        let high = u64::from(self.elsewhere_high.load(Ordering::Relaxed));
        VirtAddr::new_truncate((high << 32 | low) * PAGE_BYTES)
    }

    /// Describes pages of another region that are lazy now, and publishes them. No leaf table is
    /// recorded: these pages may have several tables, or their tables may have been moved away.
    pub(crate) fn bury(&self, of: &Self, range: PageRange, traits: Traits) {
        Self::fence_stamp();
        self.address.store(range.address().as_u64(), Ordering::Relaxed);
        self.set_extent(Extent::whole(range.count().get(), traits));
        self.leaf.store(FrameIndex::NONE.0, Ordering::Relaxed);
        self.owner.store(of.owner.load(Ordering::Relaxed), Ordering::Relaxed);
        self.caller.store(of.caller.load(Ordering::Relaxed), Ordering::Relaxed);
        let length = of.length_and_nodes.load(Ordering::Relaxed);
        self.length_and_nodes.store(length, Ordering::Relaxed);
        self.publish(Stage::Lazy);
    }

    /// Publishes the fields to readers in the stage `stage`. Returns the generation.
    #[inline]
    pub(crate) fn publish(&self, stage: Stage) -> u32 {
        let now = self.stamp.load(Ordering::Relaxed);
        // Release: pairs with the Acquire in `try_read`.
        self.stamp.store(now & !STAGE_MASK | stage as u64, Ordering::Release);
        generation_of(now)
    }

    /// Changes the stage of this generation from `from` to `to`. If several CPUs try, one succeeds;
    /// the other ones get `false`.
    #[inline]
    pub(crate) fn step(&self, generation: u32, from: Stage, to: Stage) -> bool {
        let now = self.stamp.load(Ordering::Relaxed);
        if generation_of(now) != generation || now & STAGE_MASK != from as u64 {
            return false;
        }
        let then = now & !STAGE_MASK | to as u64;
        // AcqRel: the CPU that succeeds reads everything that was published before, and later CPUs
        // read its change.
        self.stamp.compare_exchange(now, then, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Returns the stage, or `None` if the slot is in another generation.
    pub(crate) fn stage(&self, generation: u32) -> Option<u64> {
        let now = self.stamp.load(Ordering::Acquire);
        (generation_of(now) == generation).then_some(now & STAGE_MASK)
    }

    /// Ends the generation. Returns the number of the next one, which starts in the stage `Free`.
    #[inline]
    pub(crate) fn retire(&self) -> u32 {
        let next = self.generation() + 1;
        // Release: the next CPU that builds a region in this slot also sees the end of this
        // generation.
        self.stamp.store(stamp(next, Stage::Free), Ordering::Release);
        // Release: pairs with the Acquire fence in `try_read`. It orders the stamp before the fields
        // that `set_addresses` may write next.
        fence(Ordering::Release);
        next
    }

    /// Ends a generation below `last`, as [`retire`](Self::retire) does. Returns `false`, without
    /// an effect, for `last` and later generations.
    #[inline]
    pub(crate) fn retire_before(&self, last: u32) -> bool {
        let generation = self.generation();
        if generation >= last {
            return false;
        }
        // Release: as in `retire`.
        self.stamp.store(stamp(generation + 1, Stage::Free), Ordering::Release);
        true
    }

    /// Returns the pages. The caller owns the slot.
    #[inline]
    pub(crate) fn range(&self) -> PageRange {
        let count = PageCount::from_pages(self.extent().pages()).unwrap_or(PageCount::ZERO);
        PageRange::proven(self.page(), count)
    }

    /// Returns the properties of the pages. The caller owns the slot.
    #[inline]
    pub(crate) fn traits(&self) -> Traits {
        self.extent().traits()
    }

    /// Returns the number of bytes that were requested.
    pub(crate) fn requested(&self) -> u64 {
        self.extent().requested()
    }

    /// Returns the leaf table over all pages, or `NONE`. The table is valid while the region is
    /// busy, or lazy and still counted, because its own count keeps the table. In a pool only `NONE`
    /// is still true.
    #[inline]
    pub(crate) fn leaf(&self) -> FrameIndex {
        FrameIndex(self.leaf.load(Ordering::Relaxed))
    }

    /// Returns the number of the first page and the length of the area of a lazy or pooled slot.
    /// The area of a tail starts at its second page, because the first one is the guard page of the
    /// shrunk region.
    #[inline]
    pub(crate) fn addresses(&self) -> (u64, u64) {
        let start = self.address.load(Ordering::Relaxed) / PAGE_BYTES;
        let extent = self.extent();
        (start + u64::from(extent.is_tail()), extent.length())
    }

    /// Returns the first page. The caller owns the slot.
    #[inline]
    pub(crate) fn page(&self) -> Page {
        let address = VirtAddr::new_truncate(self.address.load(Ordering::Relaxed));
        Page::containing_address(address)
    }

    /// Returns the number of pages and their properties, from one read. The caller owns the slot.
    #[inline]
    pub(crate) fn extent(&self) -> Extent {
        Extent::from_word(self.extent.load(Ordering::Relaxed))
    }

    #[inline]
    fn set_extent(&self, extent: Extent) {
        self.extent.store(extent.word(), Ordering::Relaxed);
    }

    /// Reduces a slot whose generation has ended to its addresses. The properties in its extent are
    /// not read before a region is built again.
    #[inline]
    pub(crate) fn strip(&self, extent: Extent) {
        if extent.is_tail() {
            let (start, length) = self.addresses();
            self.set_addresses(start, length);
        }
    }

    /// Records addresses. The caller owns the slot.
    #[inline]
    pub(crate) fn set_addresses(&self, start: u64, length: u64) {
        self.address.store(start * PAGE_BYTES, Ordering::Relaxed);
        self.set_extent(Extent::whole(length - 1, Traits::default()));
    }

    /// Records that the page tables no longer count the pages of this slot.
    pub(crate) fn detach(&self) {
        // A load and a store suffice: only a purge changes this bit, and purges run one after the
        // other.
        self.set_extent(self.extent().detached());
    }

    /// Returns the first and the last frame of the recorded chain.
    #[inline]
    pub(crate) fn frames(&self) -> (FrameIndex, FrameIndex) {
        let first = FrameIndex(self.first_frame.load(Ordering::Relaxed));
        (first, FrameIndex(self.last_frame.load(Ordering::Relaxed)))
    }

    /// Records the first and the last frame of the chain.
    #[inline]
    pub(crate) fn set_frames(&self, (first, last): (FrameIndex, FrameIndex)) {
        self.first_frame.store(first.0, Ordering::Relaxed);
        self.last_frame.store(last.0, Ordering::Relaxed);
    }

    /// Returns the first frame of the recorded chain, or `NONE`.
    #[inline]
    pub(crate) fn first_frame(&self) -> FrameIndex {
        FrameIndex(self.first_frame.load(Ordering::Relaxed))
    }

    /// Returns whether frames are recorded.
    #[inline]
    pub(crate) fn has_frames(&self) -> bool {
        self.first_frame() != FrameIndex::NONE
    }

    /// Returns the recorded frames: one for each page, or an empty chain.
    pub(crate) fn rested(&self) -> FrameChain {
        FrameChain::noted(self.frames(), self.extent().pages())
    }

    /// Removes the recorded frames from a slot and returns them.
    pub(crate) fn take_rested(&self) -> FrameChain {
        let frames = self.rested();
        self.set_frames(FrameChain::new().note());
        frames
    }

    /// Returns the description of a busy or lazy region, or `None` for any other slot. Takes no
    /// lock.
    ///
    /// Bound: one more attempt than a writer publishes other descriptions in this time.
    pub(crate) fn read(&self, slot: u32) -> Option<RegionInfo> {
        loop {
            if let Ok(info) = self.try_read(slot) {
                return info;
            }
        }
    }

    fn try_read(&self, slot: u32) -> Result<Option<RegionInfo>, Rewritten> {
        // Acquire: pairs with the Release in `publish` and in `show_elsewhere`.
        let before = self.stamp.load(Ordering::Acquire);
        let generation = generation_of(before);
        let stage = before & STAGE_MASK;
        let state = if stage == Stage::Lazy as u64 {
            RegionState::Lazy
        } else if stage >= Stage::Owned as u64 {
            RegionState::Busy
        } else {
            return Ok(None);
        };
        // Acquire: pairs with the Release in `rebuild`, `show_elsewhere` and `settle`.
        let extent = Extent::from_word(self.extent.load(Ordering::Acquire));
        let address = self.address_of(extent);
        let owner = self.owner.load(Ordering::Relaxed);
        let caller = self.caller.load(Ordering::Relaxed);
        let caller_length = self.length_and_nodes.load(Ordering::Relaxed) & LENGTH_MASK;
        // Acquire: pairs with the Release fences in `fence_stamp`, `show_elsewhere` and `settle`.
        fence(Ordering::Acquire);
        // Acquire: pairs with the same Release stores. If the same extent was published once more since,
        // the version that is read next is another one.
        let is_same = self.extent.load(Ordering::Acquire) == extent.word();
        let after = self.stamp.load(Ordering::Relaxed);
        if !is_same || after & !STAGE_MASK != before & !STAGE_MASK {
            return Err(Rewritten);
        }
        // SAFETY: both words were stored in this generation, from one static string.
        let caller = unsafe { raw::static_str(caller, caller_length as usize) };
        let count = PageCount::from_pages(extent.pages()).unwrap_or(PageCount::ZERO);
        let start = Page::containing_address(address);
        let traits = extent.traits();
        Ok(Some(RegionInfo {
            id: RegionId::new(slot, generation),
            range: PageRange::proven(start, count),
            requested: extent.requested(),
            protection: traits.protection,
            caller,
            owner,
            state,
            system: traits.system,
            is_mapped: traits.mapped,
            is_tail: traits.tail,
        }))
    }

    /// Reads as [`read`](Self::read) does, but fails after `attempts` attempts.
    #[cfg(test)]
    pub(crate) fn read_within(&self, slot: u32, attempts: u32) -> Option<RegionInfo> {
        (0..attempts).find_map(|_| self.try_read(slot).ok()).expect("a reader waits for a writer")
    }

    /// Sets the generation, so that a test can start with a late one.
    #[cfg(test)]
    pub(crate) fn set_generation(&self, generation: u32) {
        self.stamp.store(stamp(generation, Stage::Free), Ordering::Release);
    }

    #[inline]
    pub(crate) fn next(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set_next(&self, next: u32) {
        self.next.store(next, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sim;

    fn range(first: u64, pages: u64) -> PageRange {
        let count = |pages| PageCount::from_pages(pages).expect("a small number");
        PageRange::within(sim::window(1 << 33), count(first), count(pages))
    }

    #[test]
    fn a_slot_is_a_cache_line() {
        assert_eq!(size_of::<Slot>(), 64);
    }

    #[test]
    fn a_region_whose_writer_is_preempted_can_be_read() {
        let (old, new) = (range(1, 2), range((1 << 33) - 9, 3));
        let slot = Slot::default();
        let request = Request::try_new(2 * PAGE_BYTES - 5).unwrap().caller("moves").owner(7);
        let none = (FrameIndex::NONE, FrameIndex::NONE);
        slot.build(&request, old, Traits::default(), FrameIndex::NONE, none);
        slot.publish(Stage::Owned);
        assert!(slot.step(0, Stage::Owned, Stage::OwnedChanging));
        let read = || slot.read_within(1, 1).map(|info| (info.range, info.requested)).unwrap();
        assert_eq!(read(), (old, 2 * PAGE_BYTES - 5));
        let extent = Extent::new(3, 3 * PAGE_BYTES - 1, Traits::default());
        slot.show_elsewhere(new, extent);
        assert_eq!(read(), (new, 3 * PAGE_BYTES - 1));
        slot.settle(new, extent);
        assert_eq!(read(), (new, 3 * PAGE_BYTES - 1));
        assert_eq!((slot.range(), slot.page()), (new, new.start()));
        let info = slot.read_within(1, 1).unwrap();
        assert_eq!((info.caller, info.owner, info.state), ("moves", 7, RegionState::Busy));
    }
}
