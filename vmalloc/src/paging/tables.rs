//! The tables themselves: made, filled, emptied, taken out.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use spin::Mutex;
use x86_64::VirtAddr;

use super::entry::Entry;
use super::span::{Span, index, spans};
use crate::frame::{Buddy, FrameChain, FrameIndex, FrameState, LazyFrames};
use crate::machine::PhysicalMemory;
use crate::page::{Frame, Page, PageRange};
use crate::raw;

/// The page tables of the window, below a level-4 table that belongs to the kernel.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(super) root: Frame,
    pub(super) window: PageRange,
    made: Mutex<Made>,
}

/// How many frames the tables take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Made {
    /// Tables of levels 3 to 1.
    pub(crate) tables: u64,
    /// Indexes beside leaf tables.
    pub(crate) indexes: u64,
}

impl Made {
    /// All frames.
    pub(crate) fn frames(self) -> u64 {
        self.tables + self.indexes
    }
}

/// Stores an entry so that whatever it points to is seen first by whoever follows it.
fn publish(slot: &AtomicU64, entry: Entry) {
    // Release: its partner is the hardware walk, and the Acquire in `read`.
    slot.store(entry.raw(), Ordering::Release);
}

pub(super) fn read(slot: &AtomicU64) -> Entry {
    // Acquire: pairs with `publish`, so a table is seen zeroed.
    Entry::from_raw(slot.load(Ordering::Acquire))
}

impl Tables {
    /// Speaks for the tables of `window` below `root`; none is made yet.
    pub(crate) fn new(root: Frame, window: PageRange) -> Self {
        Self { root, window, made: Mutex::new(Made::default()) }
    }

    /// How many frames the tables take now.
    pub(crate) fn made(&self) -> Made {
        *self.made.lock()
    }

    /// The level-4 entries that the window covers: one level-3 table each.
    pub(crate) fn upper_entries(window: PageRange) -> Range<usize> {
        let last = Page::containing_address(window.end() - 1u64);
        index(window.start(), 4)..index(last, 4) + 1
    }

    /// Makes the level-3 tables, once. They stay, so no CPU ever needs to learn of a new one.
    ///
    /// # Errors
    ///
    /// An address below the first level-4 entry that is taken; `stash` then goes back.
    pub(crate) fn make_upper<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        stash: &mut FrameChain,
    ) -> Result<(), VirtAddr> {
        let root = raw::words(memory, self.root);
        let entries = Self::upper_entries(self.window);
        if let Some(taken) = entries.clone().find(|at| read(&root[*at]) != Entry::ABSENT) {
            return Err(VirtAddr::new_truncate((taken as u64) << 39));
        }
        for at in entries {
            let table = self.make(memory, frames, stash, FrameState::Table);
            publish(&root[at], Entry::table(frames.frame(table)));
        }
        Ok(())
    }

    /// Frames that must be taken before [`reserve`](Self::reserve) can succeed, as things stand.
    fn missing<P: PhysicalMemory>(&self, memory: &P, range: PageRange) -> u64 {
        let mut missing = 0;
        let mut middle = None;
        for span in spans(range) {
            let upper = Self::child(memory, self.root, span.page, 4)
                .expect("the upper tables of the window are made at set-up");
            let Some(table) = Self::child(memory, upper, span.page, 3) else {
                // A new level-2 table serves all spans below the same level-3 entry.
                let key = span.page.start_address().as_u64() >> 30;
                missing += if middle == Some(key) { 2 } else { 3 };
                middle = Some(key);
                continue;
            };
            missing += if Self::child(memory, table, span.page, 2).is_none() { 2 } else { 0 };
        }
        missing
    }

    /// Makes every table over `range` out of `stash` and raises the counts. If the stash is too
    /// short, changes nothing and says how many frames it must hold.
    pub(crate) fn reserve<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        stash: &mut FrameChain,
    ) -> Result<(), u64> {
        let mut made = self.made.lock();
        let missing = self.missing(memory, range);
        if missing > stash.count() {
            return Err(missing);
        }
        for span in spans(range) {
            let upper = Self::child(memory, self.root, span.page, 4)
                .expect("the upper tables of the window are made at set-up");
            let middle = self.child_or_make(memory, frames, upper, &span, 3, stash, &mut made);
            let leaf = self.child_or_make(memory, frames, middle, &span, 2, stash, &mut made);
            Self::meta(frames, leaf).add_count(span.count);
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one private step with all it works on")]
    fn child_or_make<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        parent: Frame,
        span: &Span,
        level: u8,
        stash: &mut FrameChain,
        made: &mut Made,
    ) -> Frame {
        if let Some(child) = Self::child(memory, parent, span.page, level) {
            return child;
        }
        let table = self.make_counted(memory, frames, stash, FrameState::Table, made);
        if level == 2 {
            let ids = self.make_counted(memory, frames, stash, FrameState::Index, made);
            frames.meta(table).set_other(ids);
        }
        Self::meta(frames, parent).add_count(1);
        let slot = &raw::words(memory, parent)[index(span.page, level)];
        publish(slot, Entry::table(frames.frame(table)));
        frames.frame(table)
    }

    fn make<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        stash: &mut FrameChain,
        state: FrameState,
    ) -> FrameIndex {
        self.make_counted(memory, frames, stash, state, &mut self.made.lock())
    }

    fn make_counted<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        stash: &mut FrameChain,
        state: FrameState,
        made: &mut Made,
    ) -> FrameIndex {
        let table = stash.pop(frames.metas()).expect("the stash was counted before");
        frames.meta(table).set_state(state);
        // Zeroed here, before any entry points to it: a walk must never see an old byte.
        raw::clear(memory, frames.frame(table));
        match state {
            FrameState::Index => made.indexes += 1,
            _ => made.tables += 1,
        }
        table
    }

    /// Stores the entries of a reserved range, taking one frame of the chain for each page, and
    /// notes in the index that the pages belong to region `id`.
    pub(crate) fn commit<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
        chain: &mut FrameChain,
        rights: u64,
        id: u64,
    ) {
        for span in spans(range) {
            let (leaf, ids) = self.leaf(memory, frames, span.page).expect("reserved before");
            for at in span.places() {
                let frame = chain.pop(frames.metas()).expect("one frame was taken for each page");
                frames.meta(frame).set_state(FrameState::Mapped);
                // Relaxed: the entry below is the publication.
                ids[at].store(id, Ordering::Relaxed);
                publish(&leaf[at], Entry::leaf(frames.frame(frame), rights));
            }
        }
    }

    /// Takes the entries of a range out and returns its frames.
    pub(crate) fn clear<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
    ) -> LazyFrames {
        let mut lazy = LazyFrames::new();
        for span in spans(range) {
            let (leaf, _) = self.leaf(memory, frames, span.page).expect("a region has its tables");
            for slot in &leaf[span.places()] {
                let entry = read(slot);
                slot.store(Entry::ABSENT.raw(), Ordering::Relaxed);
                let frame = frames.index(entry.frame()).filter(|_| entry.is_present());
                let frame = frame.expect("every page of a region maps a managed frame");
                lazy.push(frames.metas(), frame);
            }
        }
        lazy
    }

    /// Lowers the counts over a cleared range and unlinks the tables that are empty now. They may
    /// be reused only after every CPU has dropped its translations.
    pub(crate) fn detach<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        range: PageRange,
    ) -> LazyFrames {
        let mut lazy = LazyFrames::new();
        let mut made = self.made.lock();
        for span in spans(range) {
            let upper = Self::child(memory, self.root, span.page, 4);
            let upper = upper.expect("the upper tables of the window stay");
            let middle = Self::child(memory, upper, span.page, 3).expect("pinned by its count");
            let leaf = Self::child(memory, middle, span.page, 2).expect("pinned by its count");
            if Self::meta(frames, leaf).sub_count(span.count) > 0 {
                continue;
            }
            made.indexes -= 1;
            made.tables -= 1;
            let ids = Self::meta(frames, leaf).other();
            lazy.push(frames.metas(), ids);
            self.unlink(memory, frames, middle, &span, 2, &mut lazy);
            if Self::meta(frames, middle).sub_count(1) == 0 {
                made.tables -= 1;
                self.unlink(memory, frames, upper, &span, 3, &mut lazy);
                Self::meta(frames, upper).sub_count(1);
            }
        }
        lazy
    }

    fn unlink<P: PhysicalMemory>(
        &self,
        memory: &P,
        frames: &Buddy,
        parent: Frame,
        span: &Span,
        level: u8,
        lazy: &mut LazyFrames,
    ) {
        let slot = &raw::words(memory, parent)[index(span.page, level)];
        let child = frames.index(read(slot).frame()).expect("tables are managed frames");
        slot.store(Entry::ABSENT.raw(), Ordering::Relaxed);
        lazy.push(frames.metas(), child);
    }

    fn meta(frames: &Buddy, table: Frame) -> &crate::frame::meta::FrameMeta {
        frames.meta(frames.index(table).expect("tables are managed frames"))
    }
}
