//! Checks that a table whose count reached 0 is not pinned without the lock, and that no table is
//! freed during a walk.

use loom::sync::{Arc, Mutex};
use loom::thread;

use super::world::{Contents, Cpu, World};
use super::{check, run};
use crate::frame::FrameState;
use crate::frame::meta::FrameMeta;
use crate::machine::Cpus;
use crate::sync::{AtomicU64, Ordering};

const ABSENT: u64 = 0;
const LINKED: u64 = 1;
const UNLINKED: u64 = 2;

/// One leaf table over one page of an area, handled as in `paging`.
struct Table {
    /// The entry that points to the table.
    entry: AtomicU64,
    meta: FrameMeta,
    contents: Contents,
    lock: Mutex<()>,
}

impl Table {
    fn new() -> Self {
        let table = Self {
            entry: AtomicU64::new(LINKED),
            meta: FrameMeta::default(),
            contents: Contents::new(),
            lock: Mutex::new(()),
        };
        table.meta.set_state(FrameState::Table);
        table.meta.add_count(1);
        table
    }

    /// Pins the table as `Tables::pin` does.
    fn pin(&self, cpu: &Cpu) -> bool {
        cpu.without_interrupts(|| {
            let is_linked = self.entry.load(Ordering::Acquire) == LINKED;
            let word = self.meta.pinnable(self.meta.place(), 1).filter(|_| is_linked);
            word.is_some_and(|word| self.meta.pin(word, 1))
        })
    }

    /// Raises the count as `Tables::reserve` does. Returns `false` if a new table would be needed.
    fn reserve(&self) -> bool {
        let _made = self.lock.lock().unwrap();
        match self.entry.load(Ordering::Acquire) {
            ABSENT => return false,
            UNLINKED => self.entry.store(LINKED, Ordering::Release),
            _ => {}
        }
        self.meta.add_count(1);
        true
    }

    /// Lowers the count as `Detaching::lower` does. Returns `true` if the table is then unlinked.
    fn detach(&self) -> bool {
        let _made = self.lock.lock().unwrap();
        let is_empty = self.meta.sub_count(1) == 0;
        if is_empty {
            self.entry.store(UNLINKED, Ordering::Release);
        }
        is_empty
    }

    /// Frees the unlinked table as `reclaim::free_unlinked` does, and immediately reuses its frame
    /// for another table.
    fn free(&self) {
        let _made = self.lock.lock().unwrap();
        if self.entry.load(Ordering::Acquire) == UNLINKED {
            self.entry.store(ABSENT, Ordering::Release);
            self.meta.set_state(FrameState::Taken);
            self.contents.reuse();
            self.meta.set_state(FrameState::Table);
            self.meta.add_count(1);
        }
    }
}

#[test]
fn one_that_pins_and_one_that_purges() {
    check(|| {
        let world = Arc::new(World::new(2));
        let table = Arc::new(Table::new());
        let other = {
            let (world, table) = (Arc::clone(&world), Arc::clone(&table));
            thread::spawn(move || {
                let cpu = Cpu::new(&world, 1);
                // The hardware of a halted CPU may still walk, so the shootdown waits for halted
                // CPUs too.
                cpu.halt();
                if table.pin(&cpu) || table.reserve() {
                    assert_eq!(table.entry.load(Ordering::Acquire), LINKED);
                    table.contents.touch();
                    cpu.interrupted();
                    table.contents.touch();
                    assert_eq!(table.entry.load(Ordering::Acquire), LINKED);
                }
                cpu.serve();
            })
        };
        let (shared, purged) = (Arc::clone(&world), Arc::clone(&table));
        run(move || {
            let cpu = Cpu::new(&shared, 0);
            if purged.detach() {
                cpu.shoot(&[0], true).unwrap();
                purged.free();
            }
        });
        world.end();
        other.join().unwrap();
        assert_eq!(table.meta.count(), 1, "the new owner's page, or the new table's");
    });
}

#[test]
fn two_that_pin_and_one_that_detaches() {
    check(|| {
        let world = Arc::new(World::new(2));
        let table = Arc::new(Table::new());
        let pin = |id| {
            let (world, table) = (Arc::clone(&world), Arc::clone(&table));
            thread::spawn(move || {
                let cpu = Cpu::new(&world, id);
                assert!(table.pin(&cpu) || table.reserve());
                assert_eq!(table.entry.load(Ordering::Acquire), LINKED);
            })
        };
        let others = [pin(0), pin(1)];
        let purged = Arc::clone(&table);
        run(move || purged.detach());
        for other in others {
            other.join().unwrap();
        }
        assert_eq!((table.meta.count(), table.entry.load(Ordering::Acquire)), (2, LINKED));
    });
}
