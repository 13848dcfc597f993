//! Manages all slots: the free ones, and the order in which free slots are used again.

use super::RegionInfo;
use super::slot::Slot;
use super::stage::Stage;
use crate::error::RegionError;
use crate::id::{GENERATION_MAX, RegionId};
use crate::raw::Slab;
use crate::sync::{AtomicU32, Mutex, Ordering};

/// The slots of a window, numbered from 1.
///
/// Slots below `low` and above `high` have been used at least once. Both fields are written under
/// the lock of `free` and read without it. A reader that has the id of a region reads a value that
/// already includes the slot of that region.
#[derive(Debug)]
pub(crate) struct Slots {
    slab: Slab<Slot>,
    low: AtomicU32,
    high: AtomicU32,
    free: Mutex<Free>,
}

/// The slots that were used and freed, oldest first: one queue for clients, and one for the kernel
/// itself.
#[derive(Debug)]
struct Free {
    clients: Queue,
    system: Queue,
}

#[derive(Debug, Default)]
struct Queue {
    head: u32,
    tail: u32,
}

impl Queue {
    fn push(&mut self, slots: &Slots, slot: u32) {
        slots.slot(slot).set_next(0);
        if self.head == 0 {
            self.head = slot;
        } else {
            slots.slot(self.tail).set_next(slot);
        }
        self.tail = slot;
    }

    fn pop(&mut self, slots: &Slots) -> Option<u32> {
        let slot = self.head;
        if slot == 0 {
            return None;
        }
        self.head = slots.slot(slot).next();
        Some(slot)
    }
}

impl Slots {
    pub(crate) fn new(slab: Slab<Slot>) -> Self {
        let (clients, system) = (Queue::default(), Queue::default());
        let free = Mutex::new(Free { clients, system });
        let limit = u32::try_from(slab.len()).expect("the number of slots was checked");
        Self { slab, low: AtomicU32::new(1), high: AtomicU32::new(limit), free }
    }

    /// Returns the number of slots.
    pub(crate) fn limit(&self) -> u32 {
        u32::try_from(self.slab.len()).expect("the number of slots was checked")
    }

    /// Returns the slot with a valid number.
    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> &Slot {
        &self.slab[slot as usize - 1]
    }

    /// Returns the slot with a number, or `None` for 0 and for numbers above the limit.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Slot> {
        self.slab.get((slot as usize).wrapping_sub(1))
    }

    /// Takes a free slot: the one that was freed first, or else one that was never used. Unused
    /// slots are taken from the low end for clients and from the high end for the system.
    pub(crate) fn take(&self, system: bool) -> Option<u32> {
        let mut free = self.free.lock();
        let free = &mut *free;
        let queue = if system { &mut free.system } else { &mut free.clients };
        if let Some(slot) = queue.pop(self) {
            return Some(slot);
        }
        let (low, high) = self.unused();
        if low > high {
            // All slots have been used, so the queue of the other kind is used too.
            let other = if system { &mut free.clients } else { &mut free.system };
            return other.pop(self);
        }
        if system {
            self.high.store(high - 1, Ordering::Relaxed);
            Some(high)
        } else {
            self.low.store(low + 1, Ordering::Relaxed);
            Some(low)
        }
    }

    /// Returns the first and the last slot that were never used. If all were used, the first is
    /// above the last.
    fn unused(&self) -> (u32, u32) {
        (self.low.load(Ordering::Relaxed), self.high.load(Ordering::Relaxed))
    }

    /// Iterates over the slots above `after` that were used at least once. Other slots need no
    /// search.
    pub(crate) fn used_above(&self, after: u32) -> impl Iterator<Item = u32> {
        let (low, high) = self.unused();
        let first = after.saturating_add(1);
        (first..low).chain(first.max(high.saturating_add(1)).max(low)..=self.limit())
    }

    /// Returns a slot that was taken but not published, so its generation is still unused.
    pub(crate) fn untake(&self, slot: u32, system: bool) {
        let mut free = self.free.lock();
        let queue = if system { &mut free.system } else { &mut free.clients };
        // Added at the head, so that the next request takes the same slot again.
        let head = core::mem::replace(&mut queue.head, slot);
        self.slot(slot).set_next(head);
        if head == 0 {
            queue.tail = slot;
        }
    }

    /// Adds a slot whose generation has ended at the end of its queue.
    pub(crate) fn put(&self, slot: u32, system: bool) {
        let mut free = self.free.lock();
        let queue = if system { &mut free.system } else { &mut free.clients };
        queue.push(self, slot);
    }

    /// Returns the description of the busy or lazy region with this id.
    pub(crate) fn read(&self, id: RegionId) -> Option<RegionInfo> {
        let slot = self.slab.get(id.slot() as usize - 1)?;
        slot.read(id.slot()).filter(|info| info.id == id)
    }

    /// Changes the stage of a region from `from` to `to`.
    ///
    /// # Errors
    ///
    /// `Unknown` if no region ever had the id; `Gone` if the region is freed or being freed;
    /// `Owned` if a [`Region`](crate::Region) or a collection owns it; `Changing` if another thread resizes it or
    /// changes its rights.
    #[inline]
    pub(crate) fn step(&self, id: RegionId, from: Stage, to: Stage) -> Result<(), RegionError> {
        self.claim(id, from, to).map(|_| ())
    }

    /// Changes the stage as [`step`](Self::step) does, and returns the slot.
    #[inline(always)]
    pub(crate) fn claim(&self, id: RegionId, from: Stage, to: Stage) -> Result<&Slot, RegionError> {
        match self.slab.get(id.slot() as usize - 1) {
            Some(slot) if slot.step(id.generation(), from, to) => Ok(slot),
            _ => Err(self.why_not(id, from)),
        }
    }

    /// Changes an owned region to lazy. Returns `None` if that fails, without looking for the
    /// reason.
    #[inline(always)]
    pub(crate) fn claim_owned(&self, id: RegionId) -> Option<&Slot> {
        let slot = self.slab.get(id.slot() as usize - 1)?;
        if slot.step(id.generation(), Stage::Owned, Stage::Lazy) { Some(slot) } else { None }
    }

    /// Returns whether an owned region is in the stage of a change for ever, because the change has
    /// panicked. Only its owner asks.
    #[cold]
    pub(crate) fn is_stuck(&self, id: RegionId) -> bool {
        self.slot(id.slot()).stage(id.generation()) == Some(Stage::OwnedChanging as u64)
    }

    /// Returns the reason why a region was not in the stage `from`.
    #[cold]
    #[inline(never)]
    fn why_not(&self, id: RegionId, from: Stage) -> RegionError {
        let slot = match self.known(id) {
            Ok(slot) => slot,
            Err(unknown) => return unknown,
        };
        let is_in = |stage: Stage| slot.stage(id.generation()) == Some(stage as u64);
        if from == Stage::Loose && is_in(Stage::Owned) {
            RegionError::Owned { id }
        } else if [Stage::OwnedChanging, Stage::LooseChanging].into_iter().any(is_in) {
            RegionError::Changing { id }
        } else {
            RegionError::Gone { id }
        }
    }

    /// Counts the busy and the lazy regions.
    ///
    /// # Errors
    ///
    /// If a used slot does not have exactly one use: a region, a place in a queue, or one of the
    /// `pooled` areas in pools.
    pub(crate) fn audit(&self, pooled: u64) -> Result<u64, &'static str> {
        let free = self.free.lock();
        let (mut living, mut resting) = (0, 0u64);
        for slot in self.used_above(0) {
            let is_retired = self.slot(slot).generation() > GENERATION_MAX;
            match self.slot(slot).read(slot) {
                Some(_) => living += 1,
                None => resting += u64::from(!is_retired),
            }
        }
        let mut queued = 0;
        for queue in [&free.clients, &free.system] {
            let mut here = queue.head;
            while here != 0 {
                queued += 1;
                if queued > resting {
                    return Err("a slot is queued that a region has, or twice");
                }
                here = self.slot(here).next();
            }
        }
        if queued + pooled == resting { Ok(living) } else { Err("a free slot is in no queue") }
    }

    /// Returns the slot of an id that a region has or had.
    pub(crate) fn known(&self, id: RegionId) -> Result<&Slot, RegionError> {
        let unknown = RegionError::Unknown { id: id.get() };
        let slot = self.slab.get(id.slot() as usize - 1).ok_or(unknown)?;
        if slot.has_shown(id.generation()) { Ok(slot) } else { Err(unknown) }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::sim;
    use crate::sim::SimMachine;

    #[test]
    fn ids_count_from_one_and_are_never_used_twice() {
        let vm = SimMachine::new(128, 1).set_up(sim::window(64), 0, 0).unwrap();
        let first = vm.vmalloc(1).unwrap().into_raw();
        let second = vm.vmalloc(1).unwrap().into_raw();
        assert_eq!((first.get(), second.get()), (1, 2));
        vm.vfree(first).unwrap();
        vm.purge();
        let third = vm.vmalloc(1).unwrap().into_raw();
        assert_eq!(third.get(), 1 << 24 | 1, "the oldest free slot in its next generation");
        assert!(vm.vfree(first).is_err());
        assert!(vm.info(third).is_ok());
    }

    #[test]
    fn only_slots_that_were_used_are_looked_at() {
        let machine = SimMachine::new(128, 1);
        let slots = Slots::new(Slab::carve(&machine, machine.memory()[0].start, 6));
        let used = |after| slots.used_above(after).collect::<Vec<_>>();
        assert!(used(0).is_empty());
        let taken = [false, true, false].map(|system| slots.take(system).unwrap());
        assert_eq!((taken, used(0)), ([1, 6, 2], vec![1, 2, 6]));
        assert_eq!((used(1), used(4), used(6)), (vec![2, 6], vec![6], vec![]));
        assert!(used(u32::MAX).is_empty());
        let rest = [true, false, false].map(|system| slots.take(system).unwrap());
        assert_eq!((rest, used(0)), ([5, 3, 4], vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_never_used_again() {
        let machine = SimMachine::new(128, 1);
        let slots = Slots::new(Slab::carve(&machine, machine.memory()[0].start, 2));
        let slot = slots.take(false).unwrap();
        slots.slot(slot).set_generation(GENERATION_MAX);
        assert!(slots.slot(slot).retire() > GENERATION_MAX);
        assert_eq!(slots.take(false), Some(slot + 1));
        assert_eq!(slots.take(false), None);
    }
}
