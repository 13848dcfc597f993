//! One slot: a record that is read without a lock.
//!
//! The stamp joins generation, version and stage. Fields are written only in the stage `Free`, of a
//! generation that was never published, and in the stage `Rewriting`, which ends in another
//! version. So two equal stamps around the fields prove that the fields belong together.
//!
//! A slot has more than one life: it describes a region, then what is lazy of it, and then it may
//! rest in a pool with its addresses, until both are handed out again.
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
use crate::request::Request;
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence, spin_loop};

const STAGE_BITS: u32 = 8;
const STAGE_MASK: u64 = (1 << STAGE_BITS) - 1;
const VERSION: u64 = 1 << STAGE_BITS;
const VERSION_BITS: u64 = 0xffff << STAGE_BITS;
const GENERATION_SHIFT: u32 = 24;

fn stamp(generation: u32, stage: Stage) -> u64 {
    u64::from(generation) << GENERATION_SHIFT | stage as u64
}

#[expect(clippy::cast_possible_truncation, reason = "a generation has 32 bits")]
fn generation_of(stamp: u64) -> u32 {
    (stamp >> GENERATION_SHIFT) as u32
}

/// How often a reader tries again while the fields are being written.
const READS_MAX: u32 = 1000;

/// The fields changed while they were read.
struct Rewritten;

/// The record: one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Slot {
    stamp: AtomicU64,
    address: AtomicU64,
    /// The word of an [`Extent`].
    extent: AtomicU64,
    owner: AtomicU64,
    caller: AtomicUsize,
    caller_length: AtomicU32,
    /// The next slot of whichever list the slot is on.
    next: AtomicU32,
    /// The ends of the chain of all frames, lazy or at rest; of a live region too, unless its
    /// frames are the caller's, lie in blocks, or have changed since it was allocated.
    first_frame: AtomicU32,
    last_frame: AtomicU32,
    /// The leaf table that counts all pages, if there is only one and it is known.
    leaf: AtomicU32,
}

// SAFETY: the record is made of atomic integers only.
unsafe impl Zeroable for Slot {}

impl Slot {
    /// The generation that the slot is in.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        // Acquire: pairs with the Release of the stores below.
        generation_of(self.stamp.load(Ordering::Acquire))
    }

    /// Returns whether this generation has ever been published. A slot that is free or being built
    /// has not.
    pub(crate) fn has_shown(&self, generation: u32) -> bool {
        // Acquire: pairs with `publish`. One load decides: the slot may change right after.
        let now = self.stamp.load(Ordering::Acquire);
        let (here, stage) = (generation_of(now), now & STAGE_MASK);
        here > generation || here == generation && stage >= Stage::Rewriting as u64
    }

    /// Hides the fields from readers until the next [`publish`](Self::publish).
    #[inline]
    fn hide(&self, stage: Stage) {
        let now = self.stamp.load(Ordering::Relaxed);
        let version = (now + VERSION) & VERSION_BITS;
        self.stamp.store(stamp(generation_of(now), stage) | version, Ordering::Relaxed);
        Self::fence_stamp();
    }

    /// Parts the stamp, of this generation or of the next one, from the fields that are written
    /// after it.
    #[inline]
    fn fence_stamp() {
        // Release: pairs with the Acquire fence in `read`; a reader that sees a field sees the
        // stamp. If `retire` stored the stamp on another CPU, the lock through which the slot came
        // here orders that store before.
        fence(Ordering::Release);
    }

    /// Writes the fields of a region that is being built. Readers do not see them yet.
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
        let length = u32::try_from(caller.len()).expect("a caller's name is short");
        self.caller_length.store(length, Ordering::Relaxed);
    }

    /// Writes the fields as [`build`](Self::build) does, for a request with default options on the
    /// address and the frames at which the slot is at rest.
    #[inline(always)]
    pub(crate) fn build_again(&self, pages: u64, bytes: u64, leaf: FrameIndex) {
        Self::fence_stamp();
        self.set_extent(Extent::new(pages, bytes, Traits::default()));
        self.leaf.store(leaf.0, Ordering::Relaxed);
        self.owner.store(0, Ordering::Relaxed);
        self.caller.store("".as_ptr().expose_provenance(), Ordering::Relaxed);
        self.caller_length.store(0, Ordering::Relaxed);
    }

    /// Notes what a resized region is now, whose frames are no chain any more; `stage` is shown again
    /// with another version.
    pub(crate) fn rebuild(
        &self,
        requested: u64,
        range: PageRange,
        traits: Traits,
        leaf: FrameIndex,
        stage: Stage,
    ) {
        self.hide(Stage::Rewriting);
        self.address.store(range.address().as_u64(), Ordering::Relaxed);
        self.set_extent(Extent::new(range.count().get(), requested, traits));
        self.leaf.store(leaf.0, Ordering::Relaxed);
        self.set_frames((FrameIndex::NONE, FrameIndex::NONE));
        self.publish(stage);
    }

    /// Describes a part of another region that is lazy from now on. Its tables may have moved away
    /// or be more than one, so they must be found by a walk.
    pub(crate) fn bury(&self, of: &Self, range: PageRange, traits: Traits) {
        Self::fence_stamp();
        self.address.store(range.address().as_u64(), Ordering::Relaxed);
        self.set_extent(Extent::whole(range.count().get(), traits));
        self.leaf.store(FrameIndex::NONE.0, Ordering::Relaxed);
        self.owner.store(of.owner.load(Ordering::Relaxed), Ordering::Relaxed);
        self.caller.store(of.caller.load(Ordering::Relaxed), Ordering::Relaxed);
        let length = of.caller_length.load(Ordering::Relaxed);
        self.caller_length.store(length, Ordering::Relaxed);
        self.publish(Stage::Lazy);
    }

    /// Shows the fields to readers, and returns the generation.
    #[inline]
    pub(crate) fn publish(&self, stage: Stage) -> u32 {
        let now = self.stamp.load(Ordering::Relaxed);
        // Release: pairs with the Acquire in `read`.
        self.stamp.store(now & !STAGE_MASK | stage as u64, Ordering::Release);
        generation_of(now)
    }

    /// Takes the generation from one stage to another. Of several callers one wins.
    #[inline]
    pub(crate) fn step(&self, generation: u32, from: Stage, to: Stage) -> bool {
        let now = self.stamp.load(Ordering::Relaxed);
        if generation_of(now) != generation || now & STAGE_MASK != from as u64 {
            return false;
        }
        let then = now & !STAGE_MASK | to as u64;
        // AcqRel: the winner sees all that was published and is seen to have won.
        self.stamp.compare_exchange(now, then, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The stage, if the slot is in this generation.
    pub(crate) fn stage(&self, generation: u32) -> Option<u64> {
        let now = self.stamp.load(Ordering::Acquire);
        (generation_of(now) == generation).then_some(now & STAGE_MASK)
    }

    /// Ends the generation; the next one starts free.
    #[inline]
    pub(crate) fn retire(&self) -> u32 {
        let next = self.generation() + 1;
        // Release: the next CPU that builds the slot has seen the end of this generation.
        self.stamp.store(stamp(next, Stage::Free), Ordering::Release);
        // Release: pairs with the Acquire fence in `read`; `set_addresses` may follow.
        fence(Ordering::Release);
        next
    }

    /// Ends a generation below `last`, as [`retire`](Self::retire) does. Returns `false` without an
    /// effect for any other generation.
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

    /// The pages, for a caller that owns the slot.
    #[inline]
    pub(crate) fn range(&self) -> PageRange {
        let count = PageCount::from_pages(self.extent().pages()).unwrap_or(PageCount::ZERO);
        PageRange::proven(self.page(), count)
    }

    /// The properties of the pages, for a caller that owns the slot.
    #[inline]
    pub(crate) fn traits(&self) -> Traits {
        self.extent().traits()
    }

    /// The bytes that were asked for.
    pub(crate) fn requested(&self) -> u64 {
        self.extent().requested()
    }

    /// The leaf table over all pages, or `NONE`. It is exact while a region is busy, or lazy and
    /// still counted, because the region's own count pins the table. At rest it may be stale:
    /// [`Tables::pin_noted`](crate::paging::Tables::pin_noted) checks it.
    #[inline]
    pub(crate) fn leaf(&self) -> FrameIndex {
        FrameIndex(self.leaf.load(Ordering::Relaxed))
    }

    /// The addresses that the slot stands for while it is lazy or at rest, as page number and
    /// length: a tail's first page belongs to the region in front of it.
    #[inline]
    pub(crate) fn addresses(&self) -> (u64, u64) {
        let start = self.address.load(Ordering::Relaxed) / PAGE_BYTES;
        let extent = self.extent();
        (start + u64::from(extent.is_tail()), extent.length())
    }

    /// The first page, for a caller that owns the slot.
    #[inline]
    pub(crate) fn page(&self) -> Page {
        let address = VirtAddr::new_truncate(self.address.load(Ordering::Relaxed));
        Page::containing_address(address)
    }

    /// The pages and their properties, read once, for a caller that owns the slot.
    #[inline]
    pub(crate) fn extent(&self) -> Extent {
        Extent::from_word(self.extent.load(Ordering::Relaxed))
    }

    #[inline]
    fn set_extent(&self, extent: Extent) {
        self.extent.store(extent.word(), Ordering::Relaxed);
    }

    /// Makes a slot whose generation has ended describe only its addresses. The rest of its word is
    /// unused until the slot is built again.
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

    /// Notes that the tables count its pages no more.
    pub(crate) fn detach(&self) {
        // Not one step, and relaxed: only a purge does this, and purges are totally ordered.
        self.set_extent(self.extent().detached());
    }

    /// The ends of the chain of lazy frames.
    #[inline]
    pub(crate) fn frames(&self) -> (FrameIndex, FrameIndex) {
        let first = FrameIndex(self.first_frame.load(Ordering::Relaxed));
        (first, FrameIndex(self.last_frame.load(Ordering::Relaxed)))
    }

    /// Notes the ends of the chain of lazy frames.
    #[inline]
    pub(crate) fn set_frames(&self, (first, last): (FrameIndex, FrameIndex)) {
        self.first_frame.store(first.0, Ordering::Relaxed);
        self.last_frame.store(last.0, Ordering::Relaxed);
    }

    /// The first frame of the chain, or `NONE`.
    #[inline]
    pub(crate) fn first_frame(&self) -> FrameIndex {
        FrameIndex(self.first_frame.load(Ordering::Relaxed))
    }

    /// Whether frames are noted.
    #[inline]
    pub(crate) fn has_frames(&self) -> bool {
        self.first_frame() != FrameIndex::NONE
    }

    /// The recorded frames: one for each page, or an empty chain.
    pub(crate) fn rested(&self) -> FrameChain {
        FrameChain::noted(self.frames(), self.extent().pages())
    }

    /// Takes the frames of an area that was at rest away.
    pub(crate) fn take_rested(&self) -> FrameChain {
        let frames = self.rested();
        self.set_frames(FrameChain::new().note());
        frames
    }

    /// Describes a busy or lazy slot. Takes no lock.
    ///
    /// Bound: [`READS_MAX`] tries, each of which waits for a writer of a few words.
    pub(crate) fn read(&self, slot: u32) -> Option<RegionInfo> {
        for _ in 0..READS_MAX {
            match self.try_read(slot) {
                Ok(info) => return info,
                Err(Rewritten) => spin_loop(),
            }
        }
        None
    }

    fn try_read(&self, slot: u32) -> Result<Option<RegionInfo>, Rewritten> {
        // Acquire: pairs with `publish`.
        let before = self.stamp.load(Ordering::Acquire);
        let generation = generation_of(before);
        let stage = before & STAGE_MASK;
        let state = if stage == Stage::Lazy as u64 {
            RegionState::Lazy
        } else if stage >= Stage::Owned as u64 {
            RegionState::Busy
        } else if stage == Stage::Rewriting as u64 {
            return Err(Rewritten);
        } else {
            return Ok(None);
        };
        let address = self.address.load(Ordering::Relaxed);
        let extent = self.extent();
        let owner = self.owner.load(Ordering::Relaxed);
        let caller = self.caller.load(Ordering::Relaxed);
        let caller_length = self.caller_length.load(Ordering::Relaxed);
        // Acquire: pairs with the Release fence in `hide`.
        fence(Ordering::Acquire);
        let after = self.stamp.load(Ordering::Relaxed);
        if after & !STAGE_MASK != before & !STAGE_MASK {
            return Err(Rewritten);
        }
        // SAFETY: both words were stored in this generation, from one static string.
        let caller = unsafe { raw::static_str(caller, caller_length as usize) };
        let count = PageCount::from_pages(extent.pages()).unwrap_or(PageCount::ZERO);
        let start = Page::containing_address(VirtAddr::new_truncate(address));
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

    /// Lets a test start late in a slot's life.
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
