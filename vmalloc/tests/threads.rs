//! Runs each CPU as a thread. Every CPU allocates, signs, checks, resizes and frees regions, its
//! own ones and those that other CPUs have left.
#![expect(unsafe_code, reason = "CPUs halt")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use vmalloc::sim::{self, SimMachine};
use vmalloc::{
    AccessKind, CpuId, PAGE_BYTES, PoolMode, Protection, Region, RegionId, ResizeError, Vmalloc,
};
use x86_64::VirtAddr;

const ROUNDS: u64 = 400;

/// A region: its id, the word that is written to its pages, and the number of pages.
type Signed = (RegionId, u64, u64);

/// The state that all CPUs share.
struct Shared {
    vm: Vmalloc<SimMachine>,
    /// Regions that any CPU may take over.
    left: Mutex<Vec<Signed>>,
    working: AtomicU32,
    is_over: AtomicBool,
}

/// The state of one CPU.
struct Worker<'s> {
    shared: &'s Shared,
    state: u64,
    mine: Vec<Signed>,
}

impl Worker<'_> {
    /// Returns a random number below `end` (xorshift).
    fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) % end
    }

    fn vm(&self) -> &Vmalloc<SimMachine> {
        &self.shared.vm
    }

    fn start(&self, id: RegionId) -> VirtAddr {
        self.vm().info(id).expect("it is this CPU's").range.address()
    }

    fn sign(&self, (id, word, pages): Signed) {
        let start = self.start(id);
        for page in 0..pages {
            for offset in [0, PAGE_BYTES - 8] {
                let at = start + page * PAGE_BYTES + offset;
                self.vm().machine().write(at, &(word ^ page).to_le_bytes()).expect("writable");
            }
        }
    }

    /// Asserts that every page contains its signature and that the guard page is unmapped.
    fn assert_signed(&self, signed: Signed) {
        self.assert_words(signed);
        let (id, _, pages) = signed;
        let guard = self.start(id) + pages * PAGE_BYTES;
        assert!(self.vm().machine().probe(guard, AccessKind::Read).is_err(), "guard of {id}");
    }

    fn assert_words(&self, (id, word, pages): Signed) {
        let start = self.start(id);
        for page in 0..pages {
            for offset in [0, PAGE_BYTES - 8] {
                let (mut found, at) = ([0; 8], start + page * PAGE_BYTES + offset);
                self.vm().machine().read(at, &mut found).expect("readable");
                assert_eq!(u64::from_le_bytes(found), word ^ page, "{at:?} of {id}");
            }
        }
    }

    fn allocate(&mut self) {
        let pages = 1 + self.below(6);
        let Ok(region) = self.vm().vmalloc(pages * PAGE_BYTES) else { return };
        let signed = (region.into_raw(), self.below(u64::MAX), pages);
        self.sign(signed);
        self.mine.push(signed);
    }

    fn take(&mut self) -> Option<Signed> {
        let count = self.mine.len() as u64;
        if count == 0 {
            return None;
        }
        let which = usize::try_from(self.below(count)).unwrap_or(0);
        Some(self.mine.swap_remove(which))
    }

    fn resize(&mut self) {
        let Some((id, word, pages)) = self.take() else { return };
        let wanted = 1 + self.below(12);
        let now = match self.vm().vrealloc(id, wanted * PAGE_BYTES) {
            Ok(_) => wanted,
            Err(ResizeError::Allocate(_)) => pages,
            Err(error) => panic!("{error}"),
        };
        self.assert_words((id, word, pages.min(now)));
        self.sign((id, word, now));
        self.assert_signed((id, word, now));
        self.mine.push((id, word, now));
    }

    fn protect(&mut self) {
        let Some((id, word, pages)) = self.take() else { return };
        let start = self.start(id);
        self.vm().protect(id, Protection::ReadOnly).expect("it is this CPU's");
        assert!(self.vm().machine().probe(start, AccessKind::Write).is_err());
        self.vm().protect(id, Protection::ReadWrite).expect("it is this CPU's");
        self.assert_signed((id, word, pages));
        self.mine.push((id, word, pages));
    }

    fn free(&mut self) {
        let Some(signed) = self.take() else { return };
        self.assert_signed(signed);
        match self.below(4) {
            0 => drop(Region::from_raw(self.vm(), signed.0).expect("it is loose")),
            1 => self.vm().free_deferred(signed.0).expect("it is loose"),
            2 => drop(self.vm().vfree_at(self.start(signed.0)).expect("it is loose")),
            _ => drop(self.vm().vfree(signed.0).expect("it is loose")),
        }
    }

    /// Leaves a region for another CPU, and takes over one that another CPU has left. Does not wait
    /// for a flush while the lock is held.
    fn exchange(&mut self) {
        let mine = self.take();
        let theirs = {
            let mut left = self.shared.left.lock().expect("no test panics inside");
            left.extend(mine);
            let oldest = !left.is_empty();
            oldest.then(|| left.remove(0))
        };
        if let Some(theirs) = theirs {
            self.assert_signed(theirs);
            self.mine.push(theirs);
        }
    }

    fn work(&mut self) {
        for _ in 0..ROUNDS {
            match self.below(16) {
                0..5 => self.allocate(),
                5..8 => self.free(),
                8..11 => self.resize(),
                11 => self.protect(),
                12..14 => self.exchange(),
                14 => drop(self.vm().purge()),
                _ => {
                    let _ = self.vm().fill_zeroed(4);
                    for signed in &self.mine {
                        self.assert_signed(*signed);
                    }
                }
            }
            self.vm().acknowledge();
        }
        while !self.mine.is_empty() {
            self.free();
        }
    }
}

/// Acknowledges flushes for a CPU whose thread has panicked, so that the other threads end and the
/// test prints the panic.
struct Answering<'s>(&'s Shared);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::SeqCst);
        while std::thread::panicking() && self.0.working.load(Ordering::SeqCst) > 0 {
            self.0.vm.acknowledge();
        }
        if std::thread::panicking() {
            self.0.is_over.store(true, Ordering::SeqCst);
        }
    }
}

/// Runs the operations of one CPU, then halts, and handles the interrupts of a halted CPU until all
/// CPUs are done.
fn live(shared: &Shared, cpu: u32) {
    let answering = Answering(shared);
    shared.vm.machine().become_cpu(CpuId(cpu));
    let state = 0x9e37_79b9_7f4a_7c15 ^ u64::from(cpu) << 32;
    let mut worker = Worker { shared, state, mine: Vec::new() };
    worker.work();
    drop(answering);
    if cpu == 0 {
        while shared.working.load(Ordering::SeqCst) > 0 {
            shared.vm.acknowledge();
        }
        let left = std::mem::take(&mut *shared.left.lock().expect("no test panics inside"));
        for signed in left {
            worker.assert_signed(signed);
            let _ = shared.vm.vfree(signed.0).expect("it was left");
        }
        shared.vm.reclaim();
        shared.is_over.store(true, Ordering::SeqCst);
        return;
    }
    // SAFETY: the thread accesses no memory of the window until it calls `leave_idle`.
    unsafe { shared.vm.enter_idle() };
    shared.vm.machine().set_asleep(true);
    while !shared.is_over.load(Ordering::SeqCst) {
        if shared.vm.machine().is_interrupted(CpuId(cpu)) {
            shared.vm.acknowledge();
        }
        std::thread::yield_now();
    }
    shared.vm.machine().set_asleep(false);
    shared.vm.leave_idle();
}

fn run(cpus: u32, frames: u64, window: u64) {
    let vm = SimMachine::new(frames, cpus).set_up(sim::window(window), 0, 0);
    let vm = vm.expect("the memory holds the records");
    // All CPUs are awake before the first thread starts. Otherwise a thread that starts late would
    // miss flushes.
    for cpu in (0..cpus).rev() {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
    vm.machine().speculate(u64::from(cpus), window);
    let at_rest = vm.stats();
    let shared = Shared {
        vm,
        left: Mutex::default(),
        working: AtomicU32::new(cpus),
        is_over: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for cpu in 0..cpus {
            let shared = &shared;
            scope.spawn(move || live(shared, cpu));
        }
    });
    let audit = shared.vm.check();
    let violations: Vec<_> = audit.violations().map(|v| v.to_string()).collect();
    assert!(audit.is_sound(), "{violations:?}");
    let now = shared.vm.stats();
    assert_eq!((now.areas, now.areas_lazy, now.laggards), (0, 0, 0));
    assert_eq!((now.frames_free, now.pages_free), (at_rest.frames_free, at_rest.pages_free));
    assert_eq!(now.table_pages, at_rest.table_pages);
}

#[test]
fn two_cpus_with_room() {
    run(2, 600, 4_000);
}

#[test]
fn three_cpus_that_run_out_of_memory() {
    run(3, 220, 4_000);
}

#[test]
fn four_cpus_that_run_out_of_addresses() {
    run(4, 500, 300);
}

/// One CPU moves regions, another one frees them, and a third one purges. A frame may be released
/// only after all addresses that mapped it were flushed.
#[test]
fn what_has_moved_is_flushed_at_both_places_before_its_frames_are_free() {
    const MOVES: u64 = 150;
    let vm = SimMachine::new(600, 3).set_up(sim::window(20_000), 0, 0);
    let vm = vm.expect("the memory holds the records");
    // Without pools, the neighbour of a region is the one that was allocated next.
    vm.modes().set_pools(PoolMode::Off);
    for cpu in [2, 1, 0] {
        vm.machine().on(CpuId(cpu));
        vm.leave_idle();
    }
    let shared = Shared {
        vm,
        left: Mutex::default(),
        working: AtomicU32::new(3),
        is_over: AtomicBool::new(false),
    };
    let step = |cpu: u32| {
        let vm = &shared.vm;
        vm.acknowledge();
        match cpu {
            // Frees few regions at a time, so that purges flush single pages.
            0 if vm.stats().areas_lazy > 8 => std::thread::yield_now(),
            0 => {
                let Ok(region) = vm.vmalloc(PAGE_BYTES) else { return };
                let Ok(_behind) = vm.vmalloc(PAGE_BYTES) else { return };
                vm.machine().write(region.address(), b"moves").expect("writable");
                let id = region.into_raw();
                // If memory is short, the move fails and the region stays at its addresses.
                let _ = vm.vrealloc(id, 3 * PAGE_BYTES);
                shared.left.lock().expect("no test panics inside").push((id, 0, 0));
            }
            1 => {
                let left = shared.left.lock().expect("no test panics inside").pop();
                if let Some((id, _, _)) = left {
                    let _ = vm.vfree(id).expect("it was left");
                }
            }
            _ => drop(vm.purge()),
        }
    };
    std::thread::scope(|scope| {
        for cpu in 0..3 {
            let (shared, step) = (&shared, &step);
            scope.spawn(move || {
                let answering = Answering(shared);
                shared.vm.machine().become_cpu(CpuId(cpu));
                for _ in 0..MOVES {
                    step(cpu);
                }
                drop(answering);
                while shared.working.load(Ordering::SeqCst) > 0 {
                    shared.vm.acknowledge();
                }
            });
        }
    });
    assert!(shared.vm.check().is_sound());
    assert!(shared.vm.stats().resizes[vmalloc::Resized::Moved as usize] > 0);
}
