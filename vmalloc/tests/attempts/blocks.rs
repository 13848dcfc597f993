//! Blocks of the allocator of collections, compared with copies of their bytes on the host.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec as InWindowVec;
use vmalloc::collections::InWindow;
use vmalloc::{FlushMode, PoolMode, ReallocMode, Reservation, Vmalloc};

use crate::Random;
use crate::machine::HostedMachine;

/// A block, its layout, and the bytes that it must contain.
struct Block {
    pointer: NonNull<u8>,
    layout: Layout,
    bytes: Vec<u8>,
}

impl Block {
    /// Returns the bytes of the layout.
    fn here(&mut self) -> &mut [u8] {
        let (pointer, length) = (self.pointer.as_ptr(), self.layout.size());
        // SAFETY: the block has these bytes, all of which are initialized.
        unsafe { std::slice::from_raw_parts_mut(pointer, length) }
    }

    /// Asserts that the block is aligned and contains its bytes.
    fn assert(&mut self) {
        assert!(self.pointer.addr().get().is_multiple_of(self.layout.align()));
        let bytes = std::mem::take(&mut self.bytes);
        assert!(self.here() == &bytes[..]);
        self.bytes = bytes;
    }

    fn fill(&mut self, random: &mut Random) {
        let (size, value) = (self.layout.size(), random.below(256));
        self.bytes = (0..size).map(|at| (at as u64 ^ value) as u8).collect();
        // SAFETY: the block has these bytes.
        unsafe {
            self.pointer.copy_from_nonoverlapping(NonNull::from(&self.bytes[..]).cast(), size)
        };
    }
}

/// Returns a layout of at most 400 pages, often one without bytes or with a high alignment.
fn layout(random: &mut Random) -> Layout {
    let size = match random.below(8) {
        0 => 0,
        1..5 => random.below(3 * 4_096),
        5 | 6 => random.below(40) * 4_096,
        _ => random.below(400 * 4_096),
    };
    let align = 1 << if random.chance(4) { random.below(22) } else { random.below(4) };
    Layout::from_size_align(size as usize, align).unwrap()
}

fn allocate(vm: &Vmalloc<HostedMachine>, random: &mut Random) -> Option<Block> {
    let (layout, is_zeroed) = (layout(random), random.chance(2));
    let allocator = InWindow(vm);
    let result =
        if is_zeroed { allocator.allocate_zeroed(layout) } else { allocator.allocate(layout) };
    let block = result.ok()?;
    assert!(block.len() >= layout.size());
    let mut block = Block { pointer: block.cast(), layout, bytes: vec![0; layout.size()] };
    if is_zeroed {
        block.assert();
    }
    block.fill(random);
    Some(block)
}

/// Changes the layout of a block. If that fails, the block must be as before.
fn change(vm: &Vmalloc<HostedMachine>, random: &mut Random, block: &mut Block) {
    let (allocator, old, new) = (InWindow(vm), block.layout, layout(random));
    let is_zeroed = random.chance(2);
    let result = if new.size() < old.size() {
        // SAFETY: the block has the layout `old`.
        unsafe { allocator.shrink(block.pointer, old, new) }
    } else if is_zeroed {
        // SAFETY: as above.
        unsafe { allocator.grow_zeroed(block.pointer, old, new) }
    } else {
        // SAFETY: as above.
        unsafe { allocator.grow(block.pointer, old, new) }
    };
    if let Ok(changed) = result {
        assert!(changed.len() >= new.size());
        *block = Block { pointer: changed.cast(), layout: new, bytes: block.bytes.clone() };
        block.bytes.truncate(new.size());
        if new.size() > old.size() && !is_zeroed {
            // SAFETY: the block has these bytes.
            let added = unsafe { block.pointer.add(old.size()) };
            // SAFETY: these bytes were added to the block.
            unsafe { added.write_bytes(0, new.size() - old.size()) };
        }
        block.bytes.resize(new.size(), 0);
    }
    block.assert();
    if random.chance(2) {
        block.fill(random);
    }
}

/// Flips a switch, makes a later reservation fail, or releases memory.
fn disturb(vm: &Vmalloc<HostedMachine>, random: &mut Random) {
    let (modes, is_on) = (vm.modes(), random.chance(2));
    match random.below(6) {
        0 => modes.set_pools(if is_on { PoolMode::On } else { PoolMode::Off }),
        1 => modes.set_flush(if is_on { FlushMode::Eager } else { FlushMode::Lazy }),
        2 => modes.set_realloc(if is_on { ReallocMode::Copy } else { ReallocMode::Move }),
        3 => drop(vm.fill_zeroed(random.below(50))),
        4 if is_on => drop((vm.purge().areas, random.below(2))),
        4 => drop(vm.reclaim().areas),
        _ => {
            let kind = Reservation::ALL[random.below(4) as usize];
            modes.inject(kind, random.below(5) as u32);
        }
    }
}

#[test]
fn blocks_keep_their_bytes_while_reservations_fail_and_switches_flip() {
    for seed in 0..12 {
        let random = &mut Random::new(seed);
        let vm = HostedMachine::set_up(2_000 + 500 * (seed % 3), 30_000);
        let mut blocks = Vec::new();
        for _ in 0..1_500 {
            match random.below(8) {
                0..2 => blocks.extend(allocate(&vm, random)),
                2 => disturb(&vm, random),
                3 if !blocks.is_empty() => {
                    let at = random.below(blocks.len() as u64) as usize;
                    let mut block: Block = blocks.swap_remove(at);
                    block.assert();
                    // SAFETY: the block has this layout.
                    unsafe { InWindow(&vm).deallocate(block.pointer, block.layout) };
                }
                _ if !blocks.is_empty() => {
                    let at = random.below(blocks.len() as u64) as usize;
                    change(&vm, random, &mut blocks[at]);
                }
                _ => {}
            }
        }
        for mut block in blocks {
            block.assert();
            // SAFETY: the block has this layout.
            unsafe { InWindow(&vm).deallocate(block.pointer, block.layout) };
        }
        assert_eq!(vm.stats().areas, 0);
        vm.reclaim();
        let violations: Vec<_> = vm.check().violations().map(|v| v.to_string()).collect();
        assert!(violations.is_empty(), "seed {seed}: {violations:?}");
    }
}

#[test]
fn values_without_bytes_or_with_high_alignments_have_their_places() {
    #[derive(Clone, Copy)]
    #[repr(align(65_536))]
    struct Aligned(u8);
    let vm = HostedMachine::set_up(3_000, 30_000);
    let mut empty = InWindowVec::new_in(InWindow(&vm));
    empty.resize(1 << 40, ());
    assert_eq!((empty.len(), vm.stats().areas), (1 << 40, 0));
    let mut aligned = InWindowVec::new_in(InWindow(&vm));
    for number in 0..70 {
        aligned.push(Aligned(number));
        let _neighbour = vm.vmalloc(4_096).unwrap();
        assert!(aligned.as_ptr().addr().is_multiple_of(65_536));
    }
    aligned.truncate(3);
    aligned.shrink_to_fit();
    assert!(aligned.iter().map(|value| value.0).eq(0..3) && vm.machine().filled() > 0);
}
