//! What the ring keeps, and what a replay makes of it.
#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "numbers are cut to what a field holds, and a test may panic"
)]

#[path = "model/random.rs"]
mod random;

use std::thread;

use random::Random;
use vmalloc::sim::{self, SimMachine};
use vmalloc::trace::{Ring, TraceFlags, TraceOp, TraceRecord, replay};
use vmalloc::{
    Audit, CpuId, Protection, Region, RegionId, Request, Reservation, Row, Stats, Vmalloc,
};
use x86_64::VirtAddr;

impl Random {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 32) % end
    }

    /// True once in `number` times.
    fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }
}

const PAGES: u64 = 600;
const STEPS: u32 = 3_000;

fn machine(trace: u32) -> Vmalloc<SimMachine> {
    let adjust = |config: &mut vmalloc::Config<'_>| {
        config.regions = 40;
        config.reserve = 8;
        config.trace = trace;
    };
    SimMachine::new(300, 1).set_up_with(sim::window(PAGES), adjust).unwrap()
}

fn rows(stats: &Stats) -> Vec<Row> {
    stats.rows().collect()
}

fn totals(audit: &Audit) -> [u64; 4] {
    assert!(audit.is_sound(), "{:?}", audit.violations().collect::<Vec<_>>());
    [audit.areas, audit.frames_used, audit.table_pages, audit.generation]
}

fn trace_of(ring: &Ring) -> Vec<TraceRecord> {
    let mut records = ring.records(0);
    let trace = records.by_ref().map(|(_, record)| record).collect();
    assert_eq!(records.lost(), 0);
    trace
}

fn request(random: &mut Random) -> Request {
    let pages = if random.one_in(8) { 120 } else { 16 };
    let bytes = 1 + random.below(pages * 4096);
    let mut request = Request::try_new(bytes).unwrap().align(1 << random.below(17)).unwrap();
    if random.one_in(2) {
        request = request.zeroed();
    }
    if random.one_in(5) {
        request = request.system();
    }
    if random.one_in(6) {
        request = request.with_reserve();
    }
    if random.one_in(3) {
        request = request.protection(Protection::ReadOnly);
    }
    request
}

/// Does what callers may do, and says where every region came to lie.
fn work(vm: &Vmalloc<SimMachine>, seed: u64) -> Vec<VirtAddr> {
    let mut random = Random::new(seed);
    let (mut owned, mut loose) = (Vec::<Region<'_, SimMachine>>::new(), Vec::<RegionId>::new());
    let (mut gone, mut addresses) = (RegionId::from_raw(39).unwrap(), Vec::new());
    for _ in 0..STEPS {
        match random.below(15) {
            12 | 13 if !owned.is_empty() => {
                let at = random.below(owned.len() as u64) as usize;
                let _ = owned[at].resize(&vmalloc::Resize::to(random.below(40 * 4096)));
                addresses.push(owned[at].address());
            }
            14 if !owned.is_empty() => {
                let at = random.below(owned.len() as u64) as usize;
                let rights = [Protection::ReadWrite, Protection::ReadExecute, Protection::None];
                owned[at].protect(rights[random.below(3) as usize]).unwrap();
            }
            0..6 => {
                let Ok(region) = vm.allocate(&request(&mut random)) else { continue };
                addresses.push(region.address());
                if random.one_in(2) { owned.push(region) } else { loose.push(region.into_raw()) }
            }
            6..8 if !owned.is_empty() => {
                drop(owned.swap_remove(random.below(owned.len() as u64) as usize));
            }
            8..10 if !loose.is_empty() => {
                gone = loose.swap_remove(random.below(loose.len() as u64) as usize);
                if random.one_in(2) {
                    vm.vfree(gone).unwrap();
                } else {
                    let start = vm.info(gone).unwrap().range.address();
                    vm.vfree_at(start).unwrap();
                }
            }
            10 => match owned.last() {
                Some(region) if random.one_in(2) => assert!(vm.vfree(region.id()).is_err()),
                _ => assert!(vm.vfree(gone).is_err()),
            },
            _ => {
                let page = random.below(PAGES);
                assert!(vm.vfree_at(vm.window().address() + page * 4096 + 1u64).is_err());
                vm.purge();
            }
        }
    }
    owned.into_iter().for_each(|region| loose.push(region.into_raw()));
    addresses
}

#[test]
fn a_trace_replays_the_same_again() {
    for seed in 1..=8 {
        let vm = machine(1 << 13);
        let addresses = work(&vm, seed);
        vm.ring().switch(false);
        let trace = trace_of(vm.ring());
        let (stats, audit) = (vm.stats(), vm.check());
        assert!(stats.allocations > 100 && stats.allocations_failed > 10, "{stats:?}");
        assert!(stats.frees_refused > 10 && stats.areas > 0, "{stats:?}");

        // Through the binary form, as it is carried from one machine to another.
        let words: Vec<_> = trace.iter().map(TraceRecord::to_words).collect();
        let read = words.iter().map(|words| TraceRecord::from_words(*words).unwrap());
        let again = machine(1 << 13);
        let replayed = replay(&again, read);
        assert_eq!((replayed.diverged, replayed.moved), (0, 0));
        assert_eq!(replayed.succeeded + replayed.failed, trace.len() as u64);
        assert!(stats.resizes.iter().take(4).all(|count| *count > 0), "{:?}", stats.resizes);
        assert!(replayed.addresses.iter().all(|address| addresses.contains(address)));
        assert_eq!(rows(&replayed.stats), rows(&stats), "seed {seed}");
        assert_eq!(totals(&again.check()), totals(&audit), "seed {seed}");
        assert_eq!(replayed.living.len() as u64, stats.areas + stats.areas_system);
        // The replay was noted as well: it is the same trace.
        assert_eq!(trace_of(again.ring()), trace);

        for (recorded, id) in replayed.living {
            assert_eq!(recorded, id.get(), "equal machines give equal ids");
            again.vfree(id).unwrap();
        }
        assert!(again.check().is_sound());
    }
}

#[test]
fn a_trace_diverges_on_a_smaller_machine_that_stays_sound() {
    let vm = machine(1 << 13);
    work(&vm, 5);
    vm.ring().switch(false);
    let trace = trace_of(vm.ring());
    let run = || {
        let small = SimMachine::new(120, 1).set_up(sim::window(PAGES), 40, 0).unwrap();
        let replayed = replay(&small, trace.iter().copied());
        (replayed, totals(&small.check()))
    };
    let (first, second) = (run(), run());
    assert!(first.0.diverged > 0 && first.0.moved > 0, "{:?}", first.0);
    assert_eq!(first.0.addresses, second.0.addresses);
    assert_eq!(rows(&first.0.stats), rows(&second.0.stats));
    assert_eq!(first.1, second.1);
}

#[test]
fn what_failed_in_a_trace_and_now_succeeds_is_freed_at_once() {
    let vm = machine(16);
    vm.inject(Reservation::Frame, 1);
    assert!(vm.vmalloc(1).is_err());
    let kept = vm.vmalloc(1).unwrap();
    let again = machine(0);
    let mut trace = trace_of(vm.ring());
    let resize = TraceRecord { id: kept.id().get(), ..TraceRecord::new(TraceOp::Resize) };
    // Not what callers can have done: a size of 0, and the free of what was never made.
    let nothing = TraceRecord::new(TraceOp::Allocate);
    let mut unknown = TraceRecord { id: 1 << 24 | 9, ..TraceRecord::new(TraceOp::Free) };
    unknown.flags = TraceFlags::empty();
    trace.extend([resize, nothing, unknown]);
    let replayed = replay(&again, trace);
    assert_eq!((replayed.succeeded, replayed.failed), (2, 3));
    // The region that was freed at once is lazy yet: the next one lies behind it.
    assert_eq!((replayed.diverged, replayed.moved), (2, 1));
    assert_eq!(replayed.stats.areas, 1);
    assert_eq!(replayed.living.len(), 1);
    assert!(again.check().is_sound());
}

#[test]
fn a_full_trace_loses_the_oldest_and_says_how_many() {
    // Rounded up to 8.
    let vm = machine(5);
    assert_eq!(vm.ring().capacity(), 8);
    for bytes in 1..=10 {
        drop(vm.vmalloc(bytes).unwrap());
    }
    assert_eq!(vm.ring().recorded(), 20);
    let read = |from| {
        let mut records = vm.ring().records(from);
        let found: Vec<_> = records.by_ref().map(|(at, record)| (at, record.bytes)).collect();
        (found, records.lost())
    };
    let last: Vec<_> = (12..20).map(|sequence| (sequence, sequence / 2 + 1)).collect();
    assert_eq!(read(0), (last.clone(), 12));
    assert_eq!(read(11), (last.clone(), 1));
    assert_eq!(read(12), (last.clone(), 0));
    assert_eq!(read(19), (last[7..].to_vec(), 0));
    assert_eq!(read(20), (vec![], 0));
    assert_eq!(read(1 << 40), (vec![], 0));
    // What is overwritten after reading has begun is lost, too.
    let mut records = vm.ring().records(12);
    assert_eq!(records.next().unwrap().0, 12);
    drop(vm.vmalloc(1).unwrap());
    assert_eq!(records.by_ref().map(|(sequence, _)| sequence).next(), Some(14));
    assert_eq!(records.lost(), 1);
}

#[test]
fn a_trace_that_is_off_keeps_nothing() {
    let vm = machine(4);
    vm.ring().switch(false);
    drop(vm.vmalloc(1).unwrap());
    assert_eq!(vm.ring().recorded(), 0);
    vm.ring().switch(true);
    drop(vm.vmalloc(1).unwrap());
    assert_eq!(vm.ring().recorded(), 2);

    let none = machine(0);
    none.ring().switch(true);
    assert!(!none.ring().is_on());
    drop(none.vmalloc(1).unwrap());
    assert_eq!((none.ring().recorded(), none.ring().records(0).count()), (0, 0));
    assert!(none.stats().frames_slabs < vm.stats().frames_slabs);
}

/// A record all of whose fields say one number.
fn uniform(number: u64) -> TraceRecord {
    TraceRecord {
        cpu: CpuId(number as u32),
        time: number,
        id: number,
        address: number,
        bytes: number,
        align: number,
        ..TraceRecord::new(TraceOp::Purge)
    }
}

/// Reads what is there now, and counts records that were read and records that were lost.
fn read_whole(ring: &Ring, counts: &mut [u64; 2]) {
    let mut records = ring.records(ring.recorded().saturating_sub(ring.capacity()));
    for (_, record) in records.by_ref() {
        assert_eq!(record, uniform(record.time), "fields of two records");
        counts[0] += 1;
    }
    counts[1] += records.lost();
}

#[test]
fn no_record_of_a_trace_is_torn() {
    const RECORDS: u64 = 1_000_000;
    let mut counts = [0; 2];
    // Small, so that writers meet each other and the reader all the time.
    for capacity in [1, 2, 8] {
        let vm = machine(capacity);
        let ring = vm.ring();
        let write = |writer| {
            for number in 0..RECORDS {
                ring.record(&uniform(number << 1 | writer));
            }
        };
        thread::scope(|scope| {
            let writers = [0, 1].map(|writer| scope.spawn(move || write(writer)));
            // Bounded by the writers' loops.
            while !writers.iter().all(|writer| writer.is_finished()) {
                read_whole(ring, &mut counts);
            }
        });
        assert_eq!(ring.recorded(), 2 * RECORDS);
        // A dropped record leaves its entry usable.
        let numbers: Vec<_> = (0..ring.capacity()).collect();
        numbers.iter().for_each(|number| ring.record(&uniform(*number)));
        let last: Vec<_> = ring.records(2 * RECORDS).map(|(_, record)| record.time).collect();
        assert_eq!(last, numbers);
    }
    assert!(counts[0] > 1_000 && counts[1] > 0, "{counts:?}: the test met nothing");
}
