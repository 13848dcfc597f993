//! The ring: entries that are written and read without a lock.
//!
//! Each record has a sequence number, and the number says in which entry it lies. An entry's stamp
//! joins the number and whether the record is whole; stamps only grow, so two equal stamps around
//! the words prove that the words belong to the number.
//!
//! A writer never waits. One that finds its entry being written, because another was held up for a
//! whole round of the ring, or that was held up itself, drops its record: it counts as lost.

use core::iter::FusedIterator;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use super::record::TraceRecord;
use crate::raw::Slab;

/// One record with its stamp, in one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Entry {
    stamp: AtomicU64,
    words: [AtomicU64; TraceRecord::WORDS],
}

/// The stamp of a record whose words are being stored: odd.
fn writing(sequence: u64) -> u64 {
    2 * sequence + 1
}

/// The stamp of a whole record: even. A fresh entry's 0 is older than all of them.
fn whole(sequence: u64) -> u64 {
    2 * sequence + 2
}

impl Entry {
    fn write(&self, sequence: u64, words: [u64; TraceRecord::WORDS]) {
        let old = self.stamp.load(Ordering::Relaxed);
        if old % 2 == 1 || old > writing(sequence) {
            return;
        }
        // Acquire: pairs with the Release of `whole` below; the last record's words come before.
        let claimed = self.stamp.compare_exchange(
            old,
            writing(sequence),
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if claimed.is_err() {
            return;
        }
        // Release: pairs with the Acquire fence in `read`; a reader that sees a word sees the stamp.
        fence(Ordering::Release);
        for (place, word) in self.words.iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        // Release: pairs with the Acquire in `read` and in the next `write`.
        self.stamp.store(whole(sequence), Ordering::Release);
    }

    fn read(&self, sequence: u64) -> Option<[u64; TraceRecord::WORDS]> {
        // Acquire: pairs with the Release at the end of `write`.
        if self.stamp.load(Ordering::Acquire) != whole(sequence) {
            return None;
        }
        let words = self.words.each_ref().map(|word| word.load(Ordering::Relaxed));
        // Acquire: pairs with the Release fence in `write`.
        fence(Ordering::Acquire);
        (self.stamp.load(Ordering::Relaxed) == whole(sequence)).then_some(words)
    }
}

/// The last records, each with its sequence number, from 0.
#[derive(Debug)]
pub struct Ring {
    /// A power of two of them, or none.
    entries: Slab<Entry>,
    next: AtomicU64,
    on: AtomicBool,
}

impl Ring {
    /// The entries for so many records.
    pub(crate) fn entries(records: u32) -> usize {
        if records == 0 { 0 } else { (records as usize).next_power_of_two() }
    }

    /// A ring that is on, unless it has no entries.
    pub(crate) fn new(entries: Slab<Entry>) -> Self {
        let on = AtomicBool::new(!entries.is_empty());
        Self { entries, next: AtomicU64::new(0), on }
    }

    /// How many records it keeps: what set-up was asked for, rounded up to a power of two.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether records are kept.
    #[must_use]
    #[inline]
    pub fn is_on(&self) -> bool {
        // Relaxed: no other memory depends on the switch.
        self.on.load(Ordering::Relaxed)
    }

    /// Starts or stops keeping records. A ring without capacity stays off. Records that other CPUs
    /// are just making may still come after it was switched off.
    pub fn switch(&self, on: bool) {
        // Relaxed: as in `is_on`.
        self.on.store(on && self.capacity() > 0, Ordering::Relaxed);
    }

    /// How many records were made since set-up, and so the next sequence number.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        // Relaxed: what is read of an entry is decided by its stamp.
        self.next.load(Ordering::Relaxed)
    }

    /// Keeps a record, in the place of the oldest; does nothing while the ring is off. The crate
    /// calls it for its own operations.
    ///
    /// # Context
    ///
    /// Any: takes no lock and never waits. An interrupt handler may call it while the code that it
    /// interrupted does.
    pub fn record(&self, record: &TraceRecord) {
        if self.is_on() {
            // Relaxed: the number must be unique, and of two calls of which one follows the other
            // the second has the higher number by coherence alone.
            let sequence = self.next.fetch_add(1, Ordering::Relaxed);
            self.entry(sequence).write(sequence, record.to_words());
        }
    }

    /// Reads the records from a sequence number on, up to the newest one now.
    ///
    /// # Context
    ///
    /// Takes no lock. A record that is overwritten while it is read, or that is not whole yet, is
    /// skipped and counts as lost: switch the ring off first to miss none of the newest.
    ///
    /// # Examples
    ///
    /// ```
    /// use vmalloc::sim::{self, SimMachine};
    ///
    /// let vm = SimMachine::new(256, 1).set_up_with(sim::window(64), |config| config.trace = 4)?;
    /// for _ in 0..3 {
    ///     drop(vm.vmalloc(1)?);
    /// }
    /// let mut records = vm.ring().records(0);
    /// let numbers: Vec<u64> = records.by_ref().map(|(sequence, _)| sequence).collect();
    /// assert_eq!(numbers, [2, 3, 4, 5]);
    /// assert_eq!(records.lost(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn records(&self, from: u64) -> Records<'_> {
        let end = self.recorded();
        let oldest = end.saturating_sub(self.capacity());
        let start = from.max(oldest).min(end);
        Records { ring: self, left: start..end, lost: start.saturating_sub(from) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the remainder is an index")]
    fn entry(&self, sequence: u64) -> &Entry {
        &self.entries[(sequence & (self.capacity() - 1)) as usize]
    }
}

/// Records in the order of their sequence numbers.
#[derive(Debug)]
#[must_use = "nothing is read before it is asked for"]
pub struct Records<'a> {
    ring: &'a Ring,
    left: Range<u64>,
    lost: u64,
}

impl Records<'_> {
    /// How many records were lost from where reading was to begin up to here.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

impl Iterator for Records<'_> {
    type Item = (u64, TraceRecord);

    fn next(&mut self) -> Option<Self::Item> {
        for sequence in self.left.by_ref() {
            let words = self.ring.entry(sequence).read(sequence);
            if let Some(record) = words.and_then(TraceRecord::from_words) {
                return Some((sequence, record));
            }
            self.lost += 1;
        }
        None
    }
}

impl FusedIterator for Records<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_drops_its_record_where_another_is_at_work_or_was_faster() {
        let entry = Entry { stamp: AtomicU64::new(0), words: Default::default() };
        let words = |number| [number; TraceRecord::WORDS];
        // Another writer has claimed the entry for 4 and was held up.
        entry.stamp.store(writing(4), Ordering::Relaxed);
        entry.write(8, words(8));
        assert_eq!((entry.read(8), entry.read(4)), (None, None));
        assert_eq!(entry.stamp.load(Ordering::Relaxed), writing(4));
        entry.stamp.store(whole(4), Ordering::Relaxed);
        entry.write(12, words(12));
        assert_eq!(entry.read(12), Some(words(12)));
        // The writer of 8 was held up before it came here.
        entry.write(8, words(8));
        assert_eq!((entry.read(8), entry.read(12)), (None, Some(words(12))));
    }
}
