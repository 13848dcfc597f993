//! Checks that a lazy list loses no slot, returns no slot twice, and makes writes before a push
//! visible.

use loom::sync::Arc;
use loom::thread;
use std::vec::Vec;

use super::world::Contents;
use super::{check, run};
use crate::raw::Slab;
use crate::region::lazy::{LazyList, records_from};
use crate::region::lazy_budget::LazyBudget;
use crate::region::slot::Slot;
use crate::region::slots::Slots;

const PUSHERS: usize = 2;

struct Lists {
    list: LazyList,
    slots: Slots,
    contents: [Contents; PUSHERS],
}

impl Lists {
    fn new() -> Self {
        let slots = (0..PUSHERS).map(|_| Slot::default()).collect::<Vec<_>>();
        Self {
            list: LazyList::new(u64::MAX),
            slots: Slots::new(Slab::from(slots)),
            contents: core::array::from_fn(|_| Contents::new()),
        }
    }

    /// Writes the contents of a slot, and pushes the slot.
    fn push(&self, slot: usize) {
        self.contents[slot - 1].reuse();
        self.list.push(&self.slots, u32::try_from(slot).unwrap(), 1);
    }

    fn take(&self, found: &mut [u32; PUSHERS]) {
        for (slot, _) in records_from(&self.slots, self.list.take()) {
            let at = slot as usize - 1;
            self.contents[at].touch();
            found[at] += 1;
            self.list.settle(1, 1);
        }
    }
}

#[test]
fn two_that_push_and_one_that_takes() {
    check(|| {
        let lists = Arc::new(Lists::new());
        let pushers = [1, 2].map(|slot| {
            let lists = Arc::clone(&lists);
            thread::spawn(move || lists.push(slot))
        });
        let taker = Arc::clone(&lists);
        let mut found = run(move || {
            let mut found = [0; PUSHERS];
            taker.take(&mut found);
            taker.take(&mut found);
            found
        });
        for pusher in pushers {
            pusher.join().unwrap();
        }
        lists.take(&mut found);
        assert_eq!(found, [1; PUSHERS]);
        assert_eq!((lists.list.areas(), lists.list.pages()), (0, 0));
    });
}

/// One CPU moves a region and another one frees it. The purge that releases the frames has either
/// taken the old addresses, or knows that it may have missed some.
#[test]
fn two_lists_that_are_taken_one_after_the_other() {
    check(|| {
        let slots = (0..2).map(|_| Slot::default()).collect::<Vec<_>>();
        let lists = [LazyList::new(u64::MAX), LazyList::new(u64::MAX)];
        let shared = Arc::new((lists, Slots::new(Slab::from(slots))));
        let mover = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (lists, slots) = &*shared;
                lists[0].push(slots, 1, 1);
                lists[1].push(slots, 2, 1);
            })
        };
        run(move || {
            let mut firsts = [0; 2];
            let is_whole = LazyList::take_all(&shared.0, &mut firsts);
            assert!(firsts[1] == 0 || firsts[0] == 1 || !is_whole, "the old addresses are missed");
        });
        mover.join().unwrap();
    });
}

/// A purge returns the pages of a limit while the list takes more. No page of the machine's limit is
/// lost or made.
#[test]
fn a_limit_that_is_raised_and_reset() {
    check(|| {
        let slots = Slots::new(Slab::from(std::vec![Slot::default()]));
        let budget = LazyBudget::new(2, 1600);
        let total = budget.room() + budget.share();
        let list = LazyList::new(budget.share());
        list.push(&slots, 1, budget.share() + 3);
        let shared = Arc::new((budget, list));
        let purger = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.0.reset(&shared.1))
        };
        let freer = Arc::clone(&shared);
        run(move || assert!(freer.0.extend(&freer.1)));
        purger.join().unwrap();
        assert_eq!(shared.0.room() + shared.1.limit(), total);
    });
}
