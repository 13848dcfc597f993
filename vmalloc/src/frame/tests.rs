//! Tests the buddy allocator, the magazines and the zeroed pools.

use std::collections::HashSet;
use std::vec::Vec;

use super::buddy::{Buddy, ORDER_MAX};
use super::magazine::Magazine;
use super::{FrameIndex, FrameRequest, FrameState, Frames};
use crate::machine::CpuId;
use crate::raw::Slab;
use crate::sim::SimMachine;

const FRAMES: u32 = 1 << ORDER_MAX;

/// Creates a buddy allocator with one free block of the largest order. Its records are at the start
/// of the machine's memory.
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
        let chain = buddy.take(0, count);
        for frame in chain.frames(buddy.metas()) {
            assert!(seen.insert(frame.0), "frame {} was taken twice", frame.0);
            assert_eq!(buddy.meta(frame).state(), FrameState::Taken);
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
    let mut all = buddy.take(0, u64::from(FRAMES));
    let mut scattered = Vec::new();
    while let Some(frame) = all.pop(buddy.metas()) {
        let number = frame.0;
        // Returns every second frame of the first half, and all frames of the second half.
        if number >= FRAMES / 2 || number % 2 == 0 {
            buddy.put_block(frame, 0);
        } else {
            scattered.push(frame);
        }
    }
    let chain = buddy.take(0, u64::from(FRAMES / 4));
    assert!(chain.frames(buddy.metas()).all(|frame| frame.0 < FRAMES / 2 && frame.0 % 2 == 0));
    let half = buddy.take_block(0, ORDER_MAX - 1, FrameState::Heap);
    assert!(half.is_some(), "the second half is whole");
    assert_eq!(buddy.free_count(), 0);
    buddy.put(chain);
}

fn supply(machine: &SimMachine) -> Frames {
    let magazines =
        Slab::carve_with(machine, machine.memory()[0].start + 8, 1, |_| Magazine::new());
    Frames::new(buddy(machine), magazines, u64::from(FRAMES), 1)
}

const WISH: FrameRequest =
    FrameRequest { node: 0, named: false, only: false, zeroed: false, reserve: 0 };

#[test]
fn a_shortage_takes_nothing_and_a_reserve_is_left() {
    let machine = SimMachine::new(16, 1);
    let frames = supply(&machine);
    let wanted = FrameRequest { reserve: 1, ..WISH };
    let shortage = frames.take(CpuId(0), u64::from(FRAMES), &wanted).unwrap_err();
    assert_eq!((shortage.requested, shortage.available), (1024, 1023));
    assert_eq!(frames.free_count(), u64::from(FRAMES));
    assert!(frames.take_run(2 * u64::from(FRAMES), 0).is_err());
    assert_eq!(frames.take_run(u64::from(FRAMES), 1), Err(shortage));
}

#[test]
fn a_run_lies_side_by_side() {
    let machine = SimMachine::new(16, 1);
    let frames = supply(&machine);
    let run = frames.take_run(8, 0).unwrap();
    assert_eq!(run.count, 8);
    let first = frames.buddy.index(run.start).unwrap();
    assert_eq!(first.0 % 8, 0);
    for offset in 0..8 {
        assert_eq!(frames.buddy.meta(FrameIndex(first.0 + offset)).state(), FrameState::Heap);
    }
}

#[test]
fn a_magazine_gives_the_last_frame_first_and_holds_no_more_than_its_limit() {
    let machine = SimMachine::new(16, 1);
    let frames = supply(&machine);
    let first = frames.take(CpuId(0), 1, &WISH).unwrap().plain;
    let number = first.frames(frames.buddy.metas()).next();
    frames.put(CpuId(0), first);
    let again = frames.take(CpuId(0), 1, &WISH).unwrap().plain;
    assert_eq!(again.frames(frames.buddy.metas()).next(), number);
    frames.put(CpuId(0), again);
    let many = frames.take(CpuId(0), 200, &WISH).unwrap().plain;
    frames.put(CpuId(0), many);
    assert_eq!(frames.waiting(), 64, "the least that a magazine holds");
    frames.drain();
    assert_eq!(frames.buddy.free_count(), u64::from(FRAMES));
    frames.buddy.audit().unwrap();
}

#[test]
fn zeroed_frames_serve_those_who_want_them() {
    let machine = SimMachine::new(16, 1);
    let frames = supply(&machine);
    let ready = frames.take(CpuId(0), 3, &WISH).unwrap().plain;
    frames.put_zeroed(ready);
    let wanted = FrameRequest { zeroed: true, ..WISH };
    let supply = frames.take(CpuId(0), 5, &wanted).unwrap();
    assert_eq!((supply.zeroed.count(), supply.plain.count()), (3, 2));
    frames.put(CpuId(0), supply.plain);
    frames.put(CpuId(0), supply.zeroed);
}
