//! From unmapped to free: the only holder of addresses and frames between the two.
//!
//! Whatever is unmapped is noted in a slot, and the slot goes on a lazy list, from which only this
//! module takes it. Its frames are [`LazyFrames`]: they can be had only in exchange for the proof
//! of a shootdown, so putting back a frame that a TLB may still know does not compile.
//!
//! A purge takes every list whole, and flushes everything if a list that it has taken already is
//! filled again meanwhile. So whatever was unmapped before something that it releases is flushed
//! with it: frames that were moved to other addresses and freed there are out of reach by the old
//! addresses too.

use crate::allocator::Vmalloc;
use crate::area::Putting;
use crate::frame::{FrameChain, FrameIndex, LazyFrames};
use crate::machine::{CPUS_MAX, CpuId, Machine};
use crate::paging::Detaching;
use crate::region::extent::Extent;
use crate::region::lazy::{LazyList, records_from};
use crate::region::slot::Slot;
use crate::region::stage::Stage;
use crate::stats::Counters;
use crate::tlb::{FlushKind, FlushReason, Flushed, Plan, Turn};

/// How often a flush that cannot be put off is begun again.
const WAITS_MAX: u32 = 30;

/// What a purge released; nothing, where a CPU has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Areas whose addresses are free again.
    pub areas: u64,
    /// Their pages, with guards.
    pub pages: u64,
    /// How translations were invalidated.
    pub flush: FlushKind,
}

/// Every CPU's list as it was taken: the first slot of each.
struct Taken([u32; CPUS_MAX as usize]);

impl<M: Machine> Vmalloc<M> {
    /// Notes the frames of a slot that is lazy now and puts it on this CPU's list; purges if enough
    /// waits there.
    #[inline]
    pub(crate) fn retire(&self, cpu: CpuId, slot: u32, frames: LazyFrames) {
        let record = self.slots().slot(slot);
        if self.switches.frames_wait() {
            record.set_frames(frames.note());
        } else {
            record.set_frames(LazyFrames::new().note());
            self.release_mixed(cpu, frames.release_unflushed());
        }
        self.wait(cpu, slot, record, record.extent().length());
    }

    /// Puts a slot whose frames are noted on this CPU's list; purges if enough waits there.
    #[inline]
    pub(crate) fn wait(&self, cpu: CpuId, slot: u32, record: &Slot, length: u64) {
        let waiting = self.lazy(cpu).push_record(slot, record, length);
        if waiting > self.lazy_limit || self.switches.is_eager() {
            self.purge_after_free();
        }
    }

    /// Purges because this CPU's share is exceeded, or because every free has to. While another CPU
    /// purges, which releases what waits here too, nobody waits for it until twice the share is there.
    #[cold]
    #[inline(never)]
    pub(crate) fn purge_after_free(&self) {
        if self.switches.is_eager() {
            self.purge_for(FlushReason::Eager);
            return;
        }
        let cpu = self.machine.current();
        let list = self.lazy(cpu);
        let turn = match self.tlb.try_turn() {
            Some(turn) => turn,
            None if list.pages() <= 2 * self.lazy_limit => return,
            None => self.tlb.take_turn(&self.machine),
        };
        if list.pages() > self.lazy_limit {
            self.purge_in(cpu, &turn, FlushReason::Lazy, false);
        }
    }

    /// Flushes all that is lazy, on every CPU, and frees it; regions whose free was put off first.
    ///
    /// If a CPU does not answer in the machine's time, everything stays lazy and nothing is released;
    /// [`Stats::laggards`](crate::Stats::laggards) counts that.
    ///
    /// # Context
    ///
    /// Waits for other CPUs and interrupts them. For code with interrupts on, outside of handlers.
    ///
    /// # Complexity
    ///
    /// O(areas that are lazy, and leaf tables over them), and a shootdown; O(frames) with several NUMA
    /// nodes, and for frames that the magazines have no room for.
    ///
    /// # Source
    ///
    /// Linux's `vm_unmap_aliases`.
    pub fn purge(&self) -> Purged {
        self.purge_for(FlushReason::Demand)
    }

    pub(crate) fn purge_for(&self, reason: FlushReason) -> Purged {
        let cpu = self.machine.current();
        let turn = self.tlb.take_turn(&self.machine);
        self.purge_in(cpu, &turn, reason, false)
    }

    /// Makes every CPU drop what the plan names, before this returns.
    ///
    /// # Panics
    ///
    /// If a CPU does not answer for [`WAITS_MAX`] times the machine's patience: the caller has
    /// promised that no CPU goes on with the old translations, and cannot take that back.
    pub(crate) fn flush_now(&self, plan: &Plan, reason: FlushReason) {
        let turn = self.tlb.take_turn(&self.machine);
        self.counters.shootdown(reason, plan);
        let mut failed = None;
        for _ in 0..WAITS_MAX {
            match self.tlb.shoot(&self.machine, &turn, plan, false) {
                Ok(_) => return,
                Err(laggard) => failed = Some(laggard),
            }
        }
        panic!("{failed:?} does not answer a flush that cannot wait");
    }

    /// Gives back all that is kept for speed: purges, empties pools and magazines, and frees the
    /// tables that were kept empty. Every verb does this by itself before it reports a lack of memory.
    ///
    /// # Context
    ///
    /// As [`purge`](Self::purge).
    pub fn reclaim(&self) -> Purged {
        self.reclaim_for(FlushReason::Demand)
    }

    pub(crate) fn reclaim_for(&self, reason: FlushReason) -> Purged {
        let cpu = self.machine.current();
        let turn = self.tlb.take_turn(&self.machine);
        let purged = self.purge_in(cpu, &turn, reason, true);
        drop(turn);
        self.frames.put(cpu, self.areas.drain(self.frames.buddy.metas()));
        self.frames.drain();
        purged
    }

    fn purge_in(
        &self,
        cpu: CpuId,
        turn: &Turn<'_>,
        reason: FlushReason,
        everything: bool,
    ) -> Purged {
        self.unmap_deferred(cpu);
        let (taken, mut plan) = self.take_lists(everything);
        let unlinked = self.tables.has_unlinked();
        if unlinked && plan.is_empty() {
            // What CPUs remember of tables goes with any flush, but there must be one.
            plan = Plan::full();
        }
        if taken.is_none() && !unlinked {
            return Purged { areas: 0, pages: 0, flush: FlushKind::None };
        }
        Counters::add(&self.counters.purges, 1);
        self.counters.shootdown(reason, &plan);
        let taken = taken.unwrap_or(Taken([0; CPUS_MAX as usize]));
        match self.tlb.shoot(&self.machine, turn, &plan, unlinked) {
            Ok(flushed) => {
                let (areas, pages) = self.release_lists(&taken, &flushed);
                let freed = self.tables.free_unlinked(&self.machine, &self.frames.buddy, &flushed);
                self.release_zeroed(freed.tables);
                self.release(cpu, freed.indexes);
                Purged { areas, pages, flush: plan.kind() }
            }
            Err(_) => {
                // It stays lazy: the next purge asks every CPU again.
                self.return_lists(&taken);
                Purged { areas: 0, pages: 0, flush: plan.kind() }
            }
        }
    }

    /// Takes every CPU's list, lowers the tables' counts, and plans the flush.
    fn take_lists(&self, everything: bool) -> (Option<Taken>, Plan) {
        let mut taken = Taken([0; CPUS_MAX as usize]);
        let mut plan = Plan::new();
        if !LazyList::take_all(&self.lazies, &mut taken.0) {
            plan = Plan::full();
        }
        let mut detaching = self.tables.detaching();
        for first in taken.0 {
            self.plan_list(first, &mut plan);
            self.detach_list(first, &mut detaching);
        }
        detaching.settle(&self.machine, &self.frames.buddy);
        if everything {
            detaching.unlink_cached(&self.machine, &self.frames.buddy);
        }
        let found = taken.0.iter().any(|first| *first != 0);
        (found.then_some(taken), plan)
    }

    /// Plans the flush of a list, whose records are looked at only until everything is flushed.
    fn plan_list(&self, first: u32, plan: &mut Plan) {
        for (_, record) in records_from(self.slots(), first) {
            if plan.is_full() {
                return;
            }
            plan.add(record.range());
        }
    }

    /// Lowers the tables' counts for a list.
    #[inline(never)]
    fn detach_list(&self, first: u32, detaching: &mut Detaching<'_>) {
        let (machine, buddy) = (&self.machine, &self.frames.buddy);
        for (_, record) in records_from(self.slots(), first) {
            let extent = record.extent();
            if extent.is_detached() {
                continue;
            }
            // Lowered before the flush, so that tables which end with this are freed by it.
            match record.leaf() {
                FrameIndex::NONE => detaching.lower(machine, buddy, record.range()),
                leaf => detaching.lower_noted(machine, buddy, leaf, extent.pages()),
            }
        }
    }

    /// Frees what was taken, now that no CPU reaches it.
    fn release_lists(&self, taken: &Taken, flushed: &Flushed) -> (u64, u64) {
        let (mut areas, mut pages) = (0, 0);
        for (number, (list, first)) in (0..).zip(self.lazies.iter().zip(taken.0)) {
            if first != 0 {
                let (areas_here, pages_here) = self.release_list(CpuId(number), first, flushed);
                list.settle(areas_here, pages_here);
                (areas, pages) = (areas + areas_here, pages + pages_here);
            }
        }
        (areas, pages)
    }

    #[inline(never)]
    fn release_list(&self, cpu: CpuId, first: u32, flushed: &Flushed) -> (u64, u64) {
        let metas = self.frames.buddy.metas();
        let mut putting = Putting::new(&self.areas, cpu, metas, self.frames.rest_limit(), flushed);
        for (slot, record) in records_from(self.slots(), first) {
            let extent = record.extent();
            if !M::RETIRES && putting.put_alike(slot, record, extent) {
                continue;
            }
            if extent.is_large() || M::RETIRES {
                self.release_noted(cpu, record, extent, flushed);
            }
            putting.put(slot, record, extent);
        }
        let (areas, pages, frames) = putting.finish();
        self.frames.put(cpu, frames);
        (areas, pages)
    }

    /// Frees the blocks that a slot notes, and says of single frames that no translation reaches
    /// them: these may rest.
    #[cold]
    #[inline(never)]
    fn release_noted(&self, cpu: CpuId, record: &Slot, extent: Extent, flushed: &Flushed) {
        let chain = LazyFrames::noted(record.frames(), extent.pages()).release(flushed);
        if extent.is_large() {
            self.release_mixed(cpu, chain);
            record.set_frames(FrameChain::new().note());
        } else {
            self.retire_frames(&chain);
        }
    }

    /// Puts what was taken back on the lists.
    fn return_lists(&self, taken: &Taken) {
        for (list, first) in self.lazies.iter().zip(taken.0) {
            for (slot, record) in records_from(self.slots(), first) {
                record.detach();
                let pages = record.addresses().1;
                list.push(self.slots(), slot, pages);
                list.settle(1, pages);
            }
        }
    }

    /// Unmaps the regions whose freeing was put off.
    fn unmap_deferred(&self, cpu: CpuId) {
        for (slot, record) in records_from(self.slots(), self.deferred.take()) {
            let is_mine = record.step(record.generation(), Stage::Deferred, Stage::Lazy);
            assert!(is_mine, "slot {slot} was put off and is something else now");
            self.deferred.settle(1, record.addresses().1);
            let frames = self.unmap(slot);
            record.set_frames(frames.note());
            self.lazy(cpu).push(self.slots(), slot, record.addresses().1);
        }
    }

    /// Puts single frames back that no translation reaches.
    #[inline(never)]
    pub(crate) fn release(&self, cpu: CpuId, chain: FrameChain) {
        self.retire_frames(&chain);
        self.frames.put(cpu, chain);
    }

    /// Says of single frames that no translation reaches them.
    #[inline]
    fn retire_frames(&self, chain: &FrameChain) {
        if M::RETIRES {
            for frame in chain.frames(self.frames.buddy.metas()) {
                self.machine.retire(self.frames.buddy.frame(frame), false);
            }
        }
    }

    /// Puts frames back that no translation reaches and that read as zeros.
    pub(crate) fn release_zeroed(&self, chain: FrameChain) {
        if M::RETIRES {
            for frame in chain.frames(self.frames.buddy.metas()) {
                self.machine.retire(self.frames.buddy.frame(frame), true);
            }
        }
        self.frames.put_zeroed(chain);
    }
}
