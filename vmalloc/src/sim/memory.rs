//! Simulated physical memory, at addresses that are not valid pointers. Free frames contain a
//! poison value.
#![expect(unsafe_code, reason = "frames are handed out as raw pointers, as on hardware")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::HashSet;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use x86_64::PhysAddr;

use crate::frame::FrameRange;
use crate::page::{Frame, PAGE_BYTES};

/// The physical address of the first frame. Bit 51 is set, so the address is not canonical and
/// faults if used as a pointer.
const BASE: u64 = 0x0008_0000_0000_0000;

/// The contents of a free frame. Read as a page-table entry it is present and points to no memory.
const POISON: u64 = 0xa5a5_a5a5_a5a5_a5a5;

const WORDS: usize = 512;

/// The frames of the machine.
#[derive(Debug)]
pub(super) struct Memory {
    bytes: NonNull<u8>,
    frames: u64,
    /// Frames that were freed and not cleared since. Some of them may be in use again.
    freed: Mutex<HashSet<u64>>,
}

// SAFETY: the bytes are only touched through atomics or under the crate's ownership of frames.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

fn bytes(frames: u64) -> usize {
    let bytes = frames.checked_mul(PAGE_BYTES).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.expect("the host has that much memory")
}

impl Memory {
    pub(super) fn new(frames: u64) -> Self {
        assert!(frames > 1, "the root table takes a frame");
        let layout = Self::layout(frames);
        // SAFETY: the layout has a size above 0.
        let bytes = unsafe { alloc(layout) };
        let bytes = NonNull::new(bytes).unwrap_or_else(|| handle_alloc_error(layout));
        let memory = Self { bytes, frames, freed: Mutex::default() };
        for number in 0..frames {
            memory.fill(number, if number == 0 { 0 } else { POISON });
        }
        memory
    }

    fn layout(frames: u64) -> Layout {
        Layout::from_size_align(bytes(frames), bytes(1)).expect("a page is a power of two")
    }

    pub(super) fn root(&self) -> Frame {
        Frame::containing_address(PhysAddr::new(BASE))
    }

    pub(super) fn free(&self) -> FrameRange {
        FrameRange { start: self.root() + 1, count: self.frames - 1, node: 0 }
    }

    /// Returns the words of a frame.
    ///
    /// # Panics
    ///
    /// If the frame does not exist, because the MMU or the crate followed an invalid entry.
    pub(super) fn words(&self, frame: Frame) -> &[AtomicU64; WORDS] {
        // SAFETY: `pointer` is inside the allocation, aligned to a frame.
        unsafe { self.pointer(frame).cast().as_ref() }
    }

    pub(super) fn pointer(&self, frame: Frame) -> NonNull<u8> {
        let number = self.number(frame).unwrap_or_else(|| panic!("no memory at {frame:?}"));
        // SAFETY: the number was checked against the size of the allocation.
        unsafe { self.bytes.add(bytes(number)) }
    }

    fn number(&self, frame: Frame) -> Option<u64> {
        let offset = frame.start_address().as_u64().checked_sub(BASE)? / PAGE_BYTES;
        (offset < self.frames).then_some(offset)
    }

    fn fill(&self, number: u64, word: u64) {
        for place in self.words(self.root() + number) {
            place.store(word, Ordering::Relaxed);
        }
    }

    /// Returns a freed frame whose poison has changed and for which `in_use` is false.
    pub(super) fn spoilt(&self, in_use: impl Fn(Frame) -> bool) -> Option<Frame> {
        let freed = self.freed.lock().expect("no test panics inside");
        let mut freed = freed.iter().map(|number| self.root() + *number);
        freed.find(|frame| {
            let words = self.words(*frame);
            words.iter().any(|word| word.load(Ordering::Relaxed) != POISON) && !in_use(*frame)
        })
    }

    /// Records that a frame is being cleared, so that its missing poison is no error.
    pub(super) fn own(&self, frame: Frame) {
        let number = self.number(frame).unwrap_or_else(|| panic!("no memory at {frame:?}"));
        self.freed.lock().expect("no test panics inside").remove(&number);
    }
}

impl Memory {
    /// Records a frame as freed: fills it with poison or, if `zeroed` is set, asserts that it
    /// contains only zeros.
    pub(super) fn retire(&self, frame: Frame, zeroed: bool) {
        let number = self.number(frame).unwrap_or_else(|| panic!("no memory at {frame:?}"));
        if zeroed {
            let words = self.words(frame);
            let is_zero = words.iter().all(|word| word.load(Ordering::Relaxed) == 0);
            assert!(is_zero, "{frame:?} is said to be zero, and is not");
            return;
        }
        self.fill(number, POISON);
        self.freed.lock().expect("no test panics inside").insert(number);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the allocation was made with the same layout.
        unsafe { dealloc(self.bytes.as_ptr(), Self::layout(self.frames)) };
    }
}
