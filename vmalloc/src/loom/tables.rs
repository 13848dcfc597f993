//! Checks that a table whose count reached 0 is not pinned without the lock, and that no table is
//! freed during a walk.

use loom::sync::{Arc, Mutex};
use loom::thread;

use super::world::{Contents, Cpu, World};
use super::{check, run};
use crate::machine::Cpus;
use crate::paging::record::{PlaceState, TableRecord};
use crate::sync::{AtomicU64, Ordering};

const ABSENT: u64 = 0;
const LINKED: u64 = 1;

/// One leaf table over one page of an area, handled as in `paging`.
struct Table {
    /// The entry that points to the table.
    entry: AtomicU64,
    record: TableRecord,
    contents: Contents,
    lock: Mutex<()>,
}

impl Table {
    fn new() -> Self {
        let table = Self {
            entry: AtomicU64::new(LINKED),
            record: TableRecord::default(),
            contents: Contents::new(),
            lock: Mutex::new(()),
        };
        table.record.set_state(PlaceState::Linked);
        table.record.add_count(1);
        table
    }

    /// Pins the table as `Tables::pin` does.
    fn pin(&self, cpu: &Cpu) -> bool {
        cpu.without_interrupts(|| {
            let word = self.record.pinnable(1);
            word.is_some_and(|word| self.record.pin(word, 1))
        })
    }

    /// Raises the count as `Tables::reserve` does. Returns `false` if a new table would be needed.
    fn reserve(&self) -> bool {
        let _made = self.lock.lock().unwrap();
        match self.record.state() {
            PlaceState::Vacant => return false,
            PlaceState::Unlinked => {
                self.entry.store(LINKED, Ordering::Release);
                self.record.set_state(PlaceState::Linked);
            }
            _ => {}
        }
        self.record.add_count(1);
        true
    }

    /// Lowers the count as `Detaching::lower` does. Returns `true` if the table is then unlinked.
    fn detach(&self) -> bool {
        let _made = self.lock.lock().unwrap();
        let is_empty = self.record.sub_count(1) == 0;
        if is_empty {
            self.entry.store(ABSENT, Ordering::Release);
            self.record.set_state(PlaceState::Unlinked);
        }
        is_empty
    }

    /// Frees the unlinked table as `reclaim::free_unlinked` does, and immediately gives its frame to
    /// another owner.
    fn free(&self) {
        let _made = self.lock.lock().unwrap();
        if self.record.state() == PlaceState::Unlinked {
            self.record.clear();
            self.contents.reuse();
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
                let is_counted = table.pin(&cpu) || table.reserve();
                if is_counted {
                    assert_eq!(table.entry.load(Ordering::Acquire), LINKED);
                    table.contents.touch();
                    cpu.interrupted();
                    table.contents.touch();
                    assert_eq!(table.entry.load(Ordering::Acquire), LINKED);
                }
                cpu.serve();
                is_counted
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
        let is_counted = other.join().unwrap();
        assert_eq!(table.record.count(), usize::from(is_counted));
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
        assert_eq!((table.record.count(), table.entry.load(Ordering::Acquire)), (2, LINKED));
    });
}
