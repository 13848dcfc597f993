//! One slot: a record that is read without a lock.
//!
//! The stamp joins generation and state. Fields are written only in the state `Building`, and a
//! generation is built once, so two equal stamps around the fields prove that the fields belong
//! to the generation.
#![expect(unsafe_code, reason = "puts the caller's name together again after the stamp is checked")]

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use x86_64::VirtAddr;

use super::{RegionId, RegionInfo, RegionState};
use crate::page::{Page, PageCount, PageRange};
use crate::raw;
use crate::request::{Protection, Request};

/// The life of a slot's generation, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Stage {
    Free = 0,
    Building,
    /// Busy, and a [`Region`](super::Region) frees it.
    Owned,
    /// Busy, and whoever knows the id may free it.
    Loose,
    Lazy,
}

const STAGE_BITS: u32 = 3;
const SYSTEM: u64 = 1 << 63;
const READ_ONLY: u64 = 1 << 62;

fn stamp(generation: u32, stage: Stage) -> u64 {
    u64::from(generation) << STAGE_BITS | stage as u64
}

#[expect(clippy::cast_possible_truncation, reason = "a stamp's upper bits are a u32")]
fn generation_of(stamp: u64) -> u32 {
    (stamp >> STAGE_BITS) as u32
}

/// The record.
#[derive(Debug)]
pub(crate) struct Slot {
    stamp: AtomicU64,
    address: AtomicU64,
    /// Pages, with [`SYSTEM`] and [`READ_ONLY`].
    pages: AtomicU64,
    requested: AtomicU64,
    owner: AtomicU64,
    caller: AtomicUsize,
    caller_length: AtomicU32,
    /// The next slot in the queue of those to be used again.
    next: AtomicU32,
}

impl Slot {
    /// The generation that the slot is in.
    pub(crate) fn generation(&self) -> u32 {
        // Acquire: pairs with the Release of the stores below.
        generation_of(self.stamp.load(Ordering::Acquire))
    }

    /// Whether a region has been published in this generation, now or before. One that is free or
    /// being built has never been shown to anybody.
    pub(crate) fn has_shown(&self, generation: u32) -> bool {
        // Acquire: pairs with `publish`. One load decides: the slot may change right after.
        self.stamp.load(Ordering::Acquire) >= stamp(generation, Stage::Owned)
    }

    /// Notes what is being built; readers see nothing of it yet.
    pub(crate) fn build(&self, request: &Request, range: PageRange) {
        self.stamp.store(stamp(self.generation(), Stage::Building), Ordering::Relaxed);
        // Release: pairs with the Acquire fence in `read`; a reader that sees a field sees the stamp.
        fence(Ordering::Release);
        let mut pages = range.count().get();
        pages |= if request.is_system() { SYSTEM } else { 0 };
        pages |= if request.wanted_protection() == Protection::ReadOnly { READ_ONLY } else { 0 };
        let caller = request.caller_name();
        self.address.store(range.address().as_u64(), Ordering::Relaxed);
        self.pages.store(pages, Ordering::Relaxed);
        self.requested.store(request.requested(), Ordering::Relaxed);
        self.owner.store(request.owner_tag(), Ordering::Relaxed);
        self.caller.store(caller.as_ptr().expose_provenance(), Ordering::Relaxed);
        let length = u32::try_from(caller.len()).expect("a caller's name is short");
        self.caller_length.store(length, Ordering::Relaxed);
    }

    /// Shows the region to readers.
    pub(crate) fn publish(&self) {
        // Release: pairs with the Acquire in `read`.
        self.stamp.store(stamp(self.generation(), Stage::Owned), Ordering::Release);
    }

    /// Takes the generation from one stage to another. Of several callers one wins.
    pub(crate) fn step(&self, generation: u32, from: Stage, to: Stage) -> bool {
        let (from, to) = (stamp(generation, from), stamp(generation, to));
        // AcqRel: the winner sees all that was published and is seen to have won.
        self.stamp.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether the generation is in a stage now.
    pub(crate) fn is_in(&self, generation: u32, stage: Stage) -> bool {
        self.stamp.load(Ordering::Acquire) == stamp(generation, stage)
    }

    /// Ends the generation; the next one starts free.
    pub(crate) fn retire(&self) {
        let next = self.generation() + 1;
        // Release: whoever builds next has seen the end of this one.
        self.stamp.store(stamp(next, Stage::Free), Ordering::Release);
    }

    /// What the slot holds, if it is busy or lazy. Takes no lock.
    pub(crate) fn read(&self, slot: u32) -> Option<RegionInfo> {
        // Acquire: pairs with `publish`.
        let before = self.stamp.load(Ordering::Acquire);
        let generation = generation_of(before);
        let busy = [Stage::Owned, Stage::Loose].map(|stage| stamp(generation, stage));
        let state = if busy.contains(&before) {
            RegionState::Busy
        } else if before == stamp(generation, Stage::Lazy) {
            RegionState::Lazy
        } else {
            return None;
        };
        let address = self.address.load(Ordering::Relaxed);
        let pages = self.pages.load(Ordering::Relaxed);
        let requested = self.requested.load(Ordering::Relaxed);
        let owner = self.owner.load(Ordering::Relaxed);
        let caller = self.caller.load(Ordering::Relaxed);
        let caller_length = self.caller_length.load(Ordering::Relaxed);
        // Acquire: pairs with the Release fence in `build`.
        fence(Ordering::Acquire);
        let after = self.stamp.load(Ordering::Relaxed);
        if generation_of(after) != generation {
            return None;
        }
        // SAFETY: both words were stored in this generation by `build`, from one static string.
        let caller = unsafe { raw::static_str(caller, caller_length as usize) };
        let count = PageCount::from_pages(pages & !(SYSTEM | READ_ONLY))?;
        let start = Page::containing_address(VirtAddr::new_truncate(address));
        Some(RegionInfo {
            id: RegionId::new(slot, generation),
            range: PageRange::try_new(start, count)?,
            requested,
            protection: match pages & READ_ONLY {
                0 => Protection::ReadWrite,
                _ => Protection::ReadOnly,
            },
            caller,
            owner,
            state,
            system: pages & SYSTEM != 0,
            frames_per_node: [count.get()],
        })
    }

    /// Lets a test start late in a slot's life.
    #[cfg(test)]
    pub(crate) fn set_generation(&self, generation: u32) {
        self.stamp.store(stamp(generation, Stage::Free), Ordering::Release);
    }

    pub(crate) fn next(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    pub(crate) fn set_next(&self, next: u32) {
        self.next.store(next, Ordering::Relaxed);
    }
}
