//! Blocks split, merge and add up.

use std::collections::HashSet;
use std::vec::Vec;

use super::buddy::ORDER_MAX;
use super::{Buddy, FrameIndex, FrameState};
use crate::raw::Slab;
use crate::sim::SimMachine;

const FRAMES: u32 = 1 << ORDER_MAX;

/// One block of the largest order, with its records at the start of the machine's memory.
fn buddy(machine: &SimMachine) -> Buddy {
    let first = machine.memory()[0].start;
    let buddy = Buddy::new(first, Slab::carve(machine, first, FRAMES as usize));
    buddy.put_block(FrameIndex(0), ORDER_MAX);
    buddy
}

#[test]
fn all_frames_can_be_taken_and_merge_again() {
    let machine = SimMachine::new(16, 1);
    let buddy = buddy(&machine);
    let mut chains = Vec::new();
    let mut seen = HashSet::new();
    for count in [1, 7, 64, 100, 1] {
        let chain = buddy.take(count, 0).unwrap();
        for frame in chain.frames(buddy.metas()) {
            assert!(seen.insert(frame.0), "frame {} was taken twice", frame.0);
            assert_eq!(buddy.meta(frame).state(), FrameState::InFlight);
        }
        chains.push(chain);
        buddy.audit().unwrap();
    }
    assert_eq!(buddy.free_count(), u64::from(FRAMES) - 173);
    for chain in chains {
        buddy.put(chain);
        buddy.audit().unwrap();
    }
    assert_eq!(buddy.meta(FrameIndex(0)).free_order(), Some(ORDER_MAX), "all has merged");
}

#[test]
fn single_frames_are_used_up_before_a_block_is_broken() {
    let machine = SimMachine::new(16, 1);
    let buddy = buddy(&machine);
    let mut all = buddy.take(u64::from(FRAMES), 0).unwrap();
    let mut scattered = Vec::new();
    for number in 0..FRAMES {
        let frame = all.pop(buddy.metas()).unwrap();
        assert_eq!(frame.0, number);
        // Every second frame of the first half, and all of the second half.
        if number >= FRAMES / 2 || number % 2 == 0 {
            buddy.put_block(frame, 0);
        } else {
            scattered.push(frame);
        }
    }
    let chain = buddy.take(u64::from(FRAMES / 4), 0).unwrap();
    assert!(chain.frames(buddy.metas()).all(|frame| frame.0 < FRAMES / 2 && frame.0 % 2 == 0));
    assert!(buddy.take_run(u64::from(FRAMES / 2)).is_some(), "the second half is whole");
    assert_eq!(buddy.free_count(), 0);
    buddy.put(chain);
}

#[test]
fn a_shortage_takes_nothing_and_a_reserve_is_left() {
    let machine = SimMachine::new(16, 1);
    let buddy = buddy(&machine);
    let shortage = buddy.take(u64::from(FRAMES), 1).unwrap_err();
    assert_eq!((shortage.requested, shortage.available), (1024, 1023));
    assert_eq!(buddy.free_count(), u64::from(FRAMES));
    assert!(buddy.take_run(u64::from(FRAMES) + 1).is_none());
}

#[test]
fn a_run_lies_side_by_side_and_is_rounded_up() {
    let machine = SimMachine::new(16, 1);
    let buddy = buddy(&machine);
    let run = buddy.take_run(5).unwrap();
    assert_eq!(run.count, 8);
    let first = buddy.index(run.start).unwrap();
    assert_eq!(first.0 % 8, 0);
    for offset in 0..8 {
        assert_eq!(buddy.meta(FrameIndex(first.0 + offset)).state(), FrameState::Heap);
    }
}
