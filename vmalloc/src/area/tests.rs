//! Compares the tree of free runs with a sorted list that does the same operations in linear time,
//! and tests the pools.

use std::vec::Vec;

use super::Areas;
use super::balance::Shape;
use super::node::NIL;
use super::pool::{Held, Pool};
use super::tree::FreeTree;
use crate::raw::Slab;
use crate::region::slots::Slots;
use crate::sim::SimMachine;

const PAGES: u64 = 600;
const START: u64 = 0x1000;

fn tree(machine: &SimMachine, regions: u32) -> FreeTree {
    let slab = Slab::carve(machine, machine.memory()[0].start, FreeTree::nodes(regions));
    FreeTree::new(slab, START, PAGES)
}

/// Free runs in address order; runs that touch are joined.
struct Naive(Vec<(u64, u64)>);

impl Naive {
    fn fits(&self, length: u64, align: u64, phase: u64) -> Vec<u64> {
        let starts = self.0.iter().filter_map(|(start, run)| {
            let first = (*start..).find(|first| first % align == phase % align)?;
            (first + length <= start + run).then_some(first)
        });
        starts.collect()
    }

    fn holds(&self, start: u64, length: u64) -> bool {
        self.0.iter().any(|run| run.0 <= start && start + length <= run.0 + run.1)
    }

    fn cut(&mut self, start: u64, length: u64) {
        let holds = |run: &(u64, u64)| run.0 <= start && start + length <= run.0 + run.1;
        let at = self.0.iter().position(holds).expect("taken from a free run");
        let (first, run) = self.0.remove(at);
        let parts = [(first, start - first), (start + length, first + run - start - length)];
        self.0.extend(parts.into_iter().filter(|part| part.1 > 0));
        self.0.sort_unstable();
    }

    fn put(&mut self, start: u64, length: u64) {
        self.0.push((start, length));
        self.0.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (start, length) in self.0.drain(..) {
            match joined.last_mut() {
                Some(last) if last.0 + last.1 == start => last.1 += length,
                _ => joined.push((start, length)),
            }
        }
        self.0 = joined;
    }
}

#[test]
fn takes_the_lowest_fit_and_joins_both_sides() {
    let machine = SimMachine::new(16, 1);
    let mut tree = tree(&machine, 400);
    let mut naive = Naive(std::vec![(START, PAGES)]);
    let mut taken: Vec<(u64, u64)> = Vec::new();
    let mut state = 7u64;
    let mut random = |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % end
    };
    for step in 0..20_000 {
        if random(2) == 0 && !taken.is_empty() {
            let at = usize::try_from(random(taken.len() as u64)).unwrap();
            let (start, length) = taken.swap_remove(at);
            tree.put(start, length);
            naive.put(start, length);
        } else {
            let (length, align) = (2 + random(9), 1 << random(5));
            let phase = if random(2) == 0 { 0 } else { random(64) };
            let fits = naive.fits(length, align, phase);
            if random(4) == 0 {
                // `take_at` must succeed exactly if the list has these pages free.
                let start = START + random(PAGES);
                let is_free = naive.holds(start, length);
                assert_eq!(tree.take_at(start, length), is_free, "step {step}");
                if is_free {
                    naive.cut(start, length);
                    taken.push((start, length));
                }
                continue;
            }
            let Some(start) = tree.take(length, align, phase) else {
                assert!(fits.is_empty(), "step {step}: {length} at {align}");
                continue;
            };
            assert!(fits.contains(&start), "step {step}");
            assert!(align > 1 || fits[0] == start, "step {step}: not the lowest");
            naive.cut(start, length);
            taken.push((start, length));
        }
        tree.audit().unwrap_or_else(|what| panic!("step {step}: {what}"));
        let largest = naive.0.iter().map(|run| run.1).max().unwrap_or(0);
        assert_eq!(tree.largest(), largest, "step {step}");
        let mut from = 0;
        for run in &naive.0 {
            assert_eq!(tree.next_from(from), Some(*run), "step {step}");
            from = run.0 + run.1;
        }
        assert_eq!(tree.next_from(from), None, "step {step}");
    }
}

#[test]
fn an_aligned_request_finds_the_only_run_that_fits_exactly() {
    let machine = SimMachine::new(16, 1);
    let mut tree = tree(&machine, 400);
    // Leaves only the pages from START + 64 to START + 72: aligned to 64, and exactly as long as
    // the request.
    assert_eq!(tree.take(PAGES, 1, 0), Some(START));
    tree.put(START + 64, 8);
    assert_eq!(tree.take(8, 64, 0), Some(START + 64));
    assert_eq!(tree.take(1, 1, 0), None);
}

#[test]
#[should_panic(expected = "are free already")]
fn a_run_cannot_be_put_back_twice() {
    let machine = SimMachine::new(16, 1);
    let mut tree = tree(&machine, 400);
    tree.put(START + 3, 1);
}

#[test]
fn the_audit_sees_every_damage_to_the_tree() {
    type Damage = fn(&mut Shape);
    let damages: [(&str, Damage); 7] = [
        ("a free run is empty", |shape| {
            let root = shape.root;
            shape.nodes.edit(root).length = 0;
        }),
        ("free runs are out of order or touch", |shape| {
            let root = shape.root;
            let (start, left) = (shape.nodes.get(root).start, shape.nodes.get(root).left);
            let left = shape.nodes.edit(left);
            left.start = start - left.length;
        }),
        ("free runs are out of order or touch", |shape| {
            let right = shape.nodes.get(shape.root).right;
            shape.nodes.edit(right).parent = NIL;
        }),
        ("the largest run of a subtree is wrong", |shape| {
            let right = shape.nodes.get(shape.root).right;
            shape.nodes.edit(right).largest += 1;
        }),
        ("a red node has a red child", |shape| {
            let root = shape.root;
            let (left, right) = (shape.nodes.get(root).left, shape.nodes.get(root).right);
            for node in [root, left, right] {
                shape.nodes.edit(node).red = 1;
            }
        }),
        ("black heights differ", |shape| {
            let left = shape.nodes.get(shape.root).left;
            shape.nodes.edit(left).red ^= 1;
        }),
        ("the free pages differ from the tree", |shape| {
            // No ancestor has the length of the last run as its `largest`, so only the sum of free
            // pages is wrong.
            let mut last = shape.root;
            while shape.nodes.get(last).right != NIL {
                last = shape.nodes.get(last).right;
            }
            shape.nodes.edit(last).length += 1;
            shape.refresh(last);
        }),
    ];
    for (expected, damage) in damages {
        let machine = SimMachine::new(16, 1);
        let mut tree = tree(&machine, 400);
        assert_eq!(tree.take(PAGES, 1, 0), Some(START));
        for run in 0..7 {
            tree.put(START + run * 16, 4);
        }
        assert_eq!(tree.audit(), Ok(()));
        damage(tree.shape());
        assert_eq!(tree.audit(), Err(expected));
    }
}

/// Creates a pool for areas of 2 to 9 pages, and 16 slots.
fn pool(machine: &SimMachine, limit: Held) -> (Pool, Slots) {
    let first = machine.memory()[0].start;
    let slots = Slots::new(Slab::carve(machine, first, 16));
    let tops = Slab::carve(machine, first + 2, 8);
    (Pool::new(2, tops, limit), slots)
}

fn put(pool: &Pool, slots: &Slots, start: u64, length: u64) -> bool {
    let slot = slots.take(false).unwrap();
    slots.slot(slot).set_addresses(start, length);
    let frames = crate::frame::FrameChain::new().note();
    slots.slot(slot).set_frames(frames);
    pool.put(slots, slot, length)
}

#[test]
fn a_pool_holds_as_many_areas_and_pages_as_it_may() {
    let machine = SimMachine::new(16, 1);
    let limit = |areas, pages| Held { areas, pages, frames: 0 };
    let (by_pages, slots) = pool(&machine, limit(9, 7));
    assert!(put(&by_pages, &slots, 100, 3) && put(&by_pages, &slots, 200, 4));
    assert!(!put(&by_pages, &slots, 300, 2), "a page more than it may");
    assert_eq!(by_pages.held(), limit(2, 7));

    let (by_areas, slots) = pool(&machine, limit(2, 100));
    assert!(put(&by_areas, &slots, 100, 2) && put(&by_areas, &slots, 200, 9));
    assert!(!put(&by_areas, &slots, 300, 2), "an area more than it may");
    assert_eq!(by_areas.held(), limit(2, 11));

    let (by_size, slots) = pool(&machine, limit(9, 100));
    assert!(!put(&by_size, &slots, 100, 1), "smaller than the smallest");
    assert!(!put(&by_size, &slots, 100, 10), "larger than the largest");
    assert_eq!(by_size.held(), limit(0, 0));
}

#[test]
fn a_pool_gives_the_last_area_of_a_size_that_is_aligned_enough() {
    let machine = SimMachine::new(16, 1);
    let (pool, slots) = pool(&machine, Held { areas: 9, pages: 100, frames: 0 });
    assert!(put(&pool, &slots, 64, 3) && put(&pool, &slots, 68, 3) && put(&pool, &slots, 104, 5));
    let start = |(_, record): (u32, &crate::region::slot::Slot)| record.addresses().0;
    assert_eq!(pool.take(&slots, 4, 1).map(start), None);
    assert_eq!(pool.take(&slots, 3, 8).map(start), None, "the one on top begins at 68");
    assert_eq!(pool.take(&slots, 3, 4).map(start), Some(68));
    assert_eq!(pool.take(&slots, 3, 8).map(start), Some(64));
    assert_eq!(pool.held(), Held { areas: 1, pages: 5, frames: 0 });
    let mut from = 0;
    assert_eq!(pool.take_any(&slots, &mut from), Some(3));
    assert_eq!(pool.take_any(&slots, &mut from), None);
}

#[test]
fn pools_share_an_eighth_of_the_window_and_of_the_slots() {
    assert_eq!(Areas::limit(8_000, 800, 2), Held { areas: 50, pages: 500, frames: 0 });
}
