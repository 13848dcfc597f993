//! Checks that a read never mixes two records of a slot and never waits for a writer, and that of two
//! CPUs that claim a slot one succeeds.

use loom::sync::Arc;
use loom::thread;
use x86_64::VirtAddr;

use super::{check, run};
use crate::frame::FrameIndex;
use crate::page::{PAGE_BYTES, Page, PageCount, PageRange};
use crate::region::extent::Traits;
use crate::region::slot::Slot;
use crate::region::stage::Stage;
use crate::request::Request;

const WINDOW: u64 = 0xffff_c000_0000_0000;

/// Returns a range whose start and length both follow from `pages`.
fn range(pages: u64) -> PageRange {
    let start = Page::containing_address(VirtAddr::new(WINDOW)) + pages;
    PageRange::proven(start, PageCount::from_pages(pages).unwrap())
}

fn build(slot: &Slot, pages: u64, traits: Traits) {
    let request = Request::try_new(pages * PAGE_BYTES).unwrap();
    slot.build(
        &request,
        range(pages),
        traits,
        FrameIndex::NONE,
        (FrameIndex::NONE, FrameIndex::NONE),
    );
    slot.publish(Stage::Owned);
}

/// Reads the slot. Returns its number of pages, if it describes a region.
fn read(slot: &Slot, is_tail: bool) -> Option<(u64, u32)> {
    let info = slot.read(1)?;
    let pages = info.requested / PAGE_BYTES;
    assert_eq!((info.range, info.is_tail), (range(pages), is_tail), "a mixed record");
    Some((pages, info.id.generation()))
}

/// The number of stores by which a move publishes something, after each of which a reader may have
/// to read again: the version, and the extent twice.
const STORES: u32 = 3;

/// Reads the slot as [`read`] does, while a writer moves the region at most `moves` times. If the
/// reader waited for the writer, the checker would find an order in which the attempts are used up.
fn read_while(slot: &Slot, moves: u32) -> u64 {
    let info = slot.read_within(1, 1 + moves * STORES).expect("a living region");
    let pages = info.requested / PAGE_BYTES;
    assert_eq!((info.range, info.is_tail), (range(pages), false), "a mixed record");
    pages
}

/// Moves the region. Its new address and length both follow from `pages`.
fn relocate(slot: &Slot, pages: u64) {
    slot.rebuild(pages * PAGE_BYTES, range(pages), Traits::default(), FrameIndex::NONE);
}

#[test]
fn one_that_moves_and_one_that_reads() {
    check(|| {
        let slot = Arc::new(Slot::default());
        build(&slot, 1, Traits::default());
        assert!(slot.step(0, Stage::Owned, Stage::OwnedChanging));
        let writer = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || relocate(&slot, 2))
        };
        let reader = Arc::clone(&slot);
        run(move || {
            let first = read_while(&reader, 1);
            let second = read_while(&reader, 1);
            assert!(first <= second, "a record that was gone");
        });
        writer.join().unwrap();
        assert_eq!(read(&slot, false), Some((2, 0)));
    });
}

/// Changes the length and the address in turns, so that the same words occur again.
#[test]
fn words_that_occur_again() {
    check(|| {
        let slot = Arc::new(Slot::default());
        build(&slot, 2, Traits::default());
        assert!(slot.step(0, Stage::Owned, Stage::OwnedChanging));
        let writer = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || [1, 2].map(|pages| relocate(&slot, pages)))
        };
        let reader = Arc::clone(&slot);
        run(move || {
            read_while(&reader, 2);
        });
        writer.join().unwrap();
        assert_eq!(read(&slot, false), Some((2, 0)));
    });
}

#[test]
fn a_slot_that_goes_to_its_next_life() {
    check(|| {
        let slot = Arc::new(Slot::default());
        let traits = Traits { tail: true, ..Traits::default() };
        build(&slot, 1, traits);
        let writer = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                assert!(slot.step(0, Stage::Owned, Stage::Lazy));
                let (start, length) = slot.addresses();
                slot.retire();
                slot.set_addresses(start, length);
                build(&slot, 2, traits);
            })
        };
        let reader = Arc::clone(&slot);
        run(move || {
            if let Some((pages, generation)) = read(&reader, true) {
                assert_eq!(pages, u64::from(generation) + 1, "a record of another generation");
            }
        });
        writer.join().unwrap();
        assert_eq!(read(&slot, true), Some((2, 1)));
    });
}

#[test]
fn two_that_claim() {
    check(|| {
        let slot = Arc::new(Slot::default());
        build(&slot, 1, Traits::default());
        let claim = |to| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.step(0, Stage::Owned, to))
        };
        let claims = [Stage::OwnedChanging, Stage::Deferred, Stage::Lazy].map(claim);
        let winners = claims.map(|claim| claim.join().unwrap());
        assert_eq!(winners.iter().filter(|wins| **wins).count(), 1);
    });
}
