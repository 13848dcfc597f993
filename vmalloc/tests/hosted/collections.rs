//! Collections that use their memory: growth moves entries, and alignments are kept.

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use hashbrown::{DefaultHashBuilder, HashMap};
use vmalloc::collections::InWindow;
use vmalloc::{CpuId, Reservation, Resized};

use super::machine::HostedMachine;

const PAGE: usize = 4_096;
const MIB: usize = 1 << 20;

fn layout(bytes: usize, align: usize) -> Layout {
    Layout::from_size_align(bytes, align).unwrap()
}

/// Returns the first `count` bytes of a block.
fn bytes(block: NonNull<[u8]>, count: usize) -> &'static [u8] {
    assert!(block.len() >= count);
    // SAFETY: the tests read blocks that they own, after they have written these bytes.
    unsafe { std::slice::from_raw_parts(block.as_ptr().cast(), count) }
}

#[test]
fn a_vector_grows_without_copying() {
    let vm = HostedMachine::set_up(4_000, 20_000);
    let mut numbers = Vec::new_in(InWindow(&vm));
    for number in 0..400_000_u64 {
        numbers.push(number);
    }
    assert!(numbers.iter().copied().eq(0..400_000));
    let resizes = vm.stats().resizes;
    assert_eq!(resizes[Resized::Copied as usize], 0);
    assert!(resizes.iter().sum::<u64>() > 5, "growth resized one region: {resizes:?}");
    assert_eq!(vm.stats().areas, 1);
    numbers.truncate(10);
    numbers.shrink_to_fit();
    assert_eq!(numbers.iter().sum::<u64>(), 45);
    drop(numbers);
    assert_eq!(vm.stats().areas, 0);
    assert!(vm.check().is_sound());
}

#[test]
fn hash_maps_and_boxes_live_in_the_window() {
    let vm = HostedMachine::set_up(4_000, 20_000);
    let mut squares: HashMap<u64, u64, DefaultHashBuilder, _> = HashMap::new_in(InWindow(&vm));
    squares.extend((0..50_000).map(|number| (number, number * number)));
    assert!((0..50_000).all(|number| squares.get(&number) == Some(&(number * number))));
    squares.retain(|number, _| number % 2 == 0);
    squares.shrink_to_fit();
    assert_eq!(squares.len(), 25_000);
    let boxed = Box::new_in([7_u8; 10_000], InWindow(&vm));
    assert!(boxed.iter().all(|byte| *byte == 7));
    assert_eq!(vm.stats().areas, 2);
    drop((boxed, squares));
    assert_eq!(vm.stats().areas, 0);
    vm.purge();
    assert!(vm.check().is_sound() && vm.machine().filled() > 0);
}

#[test]
fn a_move_keeps_an_alignment_above_a_page() {
    let vm = HostedMachine::set_up(4_000, 40_000);
    let align = MIB;
    let allocator = InWindow(&vm);
    let old = layout(3 * PAGE, align);
    let block = allocator.allocate(old).unwrap();
    assert!(block.cast::<u8>().addr().get().is_multiple_of(align));
    let last = old.size() - 1;
    // SAFETY: the block has this many bytes.
    unsafe { block.cast::<u8>().write_bytes(42, old.size()) };
    // The addresses behind the block are taken, so that it must move.
    let neighbour = vm.vmalloc(4_096).unwrap();
    assert_eq!(neighbour.address().as_u64() % align as u64, 4 * 4_096);
    let new = layout(2 * MIB, align);
    // SAFETY: the block was allocated with this layout.
    let grown = unsafe { allocator.grow(block.cast(), old, new) }.unwrap();
    assert!(grown.cast::<u8>().addr().get().is_multiple_of(align));
    assert_ne!(grown.cast::<u8>(), block.cast::<u8>());
    assert_eq!(bytes(grown, last + 1)[last], 42);
    let resizes = vm.stats().resizes;
    assert_eq!((resizes[Resized::Moved as usize], resizes[Resized::Copied as usize]), (1, 0));
    assert_eq!(vm.stats().areas, 2, "no second block was allocated for a copy");

    // In place: the addresses behind it are free now.
    let more = layout(2 * MIB + 5, align);
    // SAFETY: the block has this layout.
    let again = unsafe { allocator.grow(grown.cast(), new, more) }.unwrap();
    assert_eq!(again.cast::<u8>(), grown.cast::<u8>());
    assert_eq!(vm.stats().resizes[Resized::Grown as usize], 1);

    // A lower alignment is no reason for a copy; a higher one is.
    let lower = layout(MIB, 8);
    // SAFETY: the block has this layout.
    let shrunk = unsafe { allocator.shrink(again.cast(), more, lower) }.unwrap();
    assert_eq!(shrunk.cast::<u8>(), grown.cast::<u8>());
    let higher = layout(MIB, 4 * MIB);
    // SAFETY: the block has this layout.
    let copied = unsafe { allocator.grow(shrunk.cast(), lower, higher) }.unwrap();
    assert!(copied.cast::<u8>().addr().get().is_multiple_of(4 * MIB));
    assert_eq!(bytes(copied, last + 1)[last], 42);
    // SAFETY: the block has this layout.
    unsafe { allocator.deallocate(copied.cast(), higher) };
    assert_eq!(vm.stats().areas, 1);
    assert!(vm.check().is_sound());
}

#[test]
fn a_zeroed_growth_keeps_all_bytes_that_the_caller_has_used() {
    let vm = HostedMachine::set_up(1_000, 4_000);
    let allocator = InWindow(&vm);
    for is_zeroed in [false, true] {
        let asked = layout(100, 1);
        let block = match is_zeroed {
            true => allocator.allocate_zeroed(asked),
            false => allocator.allocate(asked),
        };
        let block = block.unwrap();
        assert_eq!(block.len(), PAGE);
        // The caller may use the whole block: its layout is then any size up to that.
        let used = layout(4_000, 1);
        // SAFETY: the block has as many bytes.
        unsafe { block.cast::<u8>().write_bytes(7, PAGE) };
        let new = layout(9_000, 1);
        // SAFETY: the layout fits the block.
        let grown = unsafe { allocator.grow_zeroed(block.cast(), used, new) }.unwrap();
        let all = bytes(grown, grown.len());
        assert!(all[..4_000].iter().all(|byte| *byte == 7));
        assert!(all[4_000..].iter().all(|byte| *byte == 0), "bytes after the old size");

        let used = layout(grown.len(), 1);
        // SAFETY: the block has as many bytes.
        unsafe { grown.cast::<u8>().write_bytes(9, grown.len()) };
        let new = layout(20_000, 1);
        // SAFETY: the layout fits the block.
        let again = unsafe { allocator.grow(grown.cast(), used, new) }.unwrap();
        assert!(bytes(again, used.size()).iter().all(|byte| *byte == 9));
        // SAFETY: the block has this layout.
        unsafe { allocator.deallocate(again.cast(), new) };
    }
    assert_eq!(vm.stats().areas, 0);
}

#[test]
fn a_shrink_without_a_slot_keeps_the_block() {
    let vm = HostedMachine::set_up(1_000, 4_000);
    let allocator = InWindow(&vm);
    let (old, new) = (layout(8 * 4_096, 8), layout(100, 8));
    let block = allocator.allocate(old).unwrap();
    vm.modes().inject(Reservation::Region, 1);
    // SAFETY: the block was allocated with this layout.
    let kept = unsafe { allocator.shrink(block.cast(), old, new) }.unwrap();
    assert_eq!(kept, block);
    // SAFETY: the block fits this layout.
    let shrunk = unsafe { allocator.shrink(kept.cast(), new, new) }.unwrap();
    assert_eq!((shrunk.cast::<u8>(), shrunk.len()), (block.cast(), 4_096));
    // SAFETY: the block has this layout.
    unsafe { allocator.deallocate(shrunk.cast(), new) };
    assert!(vm.check().is_sound());
}

#[test]
fn a_growth_that_fails_leaves_the_block() {
    let vm = HostedMachine::set_up(300, 4_000);
    let allocator = InWindow(&vm);
    let (old, new) = (layout(4_096, 8), layout(64 * MIB, 8));
    let block = allocator.allocate(old).unwrap();
    // SAFETY: the block has this byte.
    unsafe { block.cast::<u8>().write(3) };
    // SAFETY: the block was allocated with this layout.
    assert!(unsafe { allocator.grow(block.cast(), old, new) }.is_err());
    assert_eq!(bytes(block, 1), [3]);
    // SAFETY: the block was allocated with this layout.
    unsafe { allocator.deallocate(block.cast(), old) };
    let empty = allocator.allocate(layout(0, 64)).unwrap();
    assert_eq!((empty.len(), empty.cast::<u8>().addr().get() % 64), (0, 0));
    // SAFETY: an empty block has no region.
    unsafe { allocator.deallocate(empty.cast(), layout(0, 64)) };
    assert_eq!(vm.stats().areas, 0);
}

/// A shrink that panicked would leave the collection a block whose last pages are unmapped.
#[test]
fn a_collection_shrinks_although_a_cpu_does_not_answer() {
    let vm = HostedMachine::set_up(1_000, 4_000);
    vm.machine().on(CpuId(1));
    vm.leave_idle();
    vm.machine().on(CpuId(0));
    let mut numbers: Vec<u64, _> = Vec::with_capacity_in(4_096, InWindow(&vm));
    numbers.extend(0..600);
    let shrunk = catch_unwind(AssertUnwindSafe(|| numbers.shrink_to_fit()));
    numbers.extend(600..4_096);
    assert!(shrunk.is_ok() && numbers.iter().copied().eq(0..4_096));
    numbers.truncate(10);
    numbers.shrink_to_fit();
    drop(numbers);
    assert!(vm.stats().areas == 0 && vm.stats().areas_lazy > 0);
    vm.machine().on(CpuId(1));
    vm.acknowledge();
    vm.machine().on(CpuId(0));
    vm.reclaim();
    assert!(vm.check().is_sound());
}
