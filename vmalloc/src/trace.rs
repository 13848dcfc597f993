//! The trace: what callers did, in a ring that is never waited for, to be done again elsewhere.
//!
//! [`Vmalloc`] notes every operation in its [`Ring`], if set-up gave it one
//! ([`Config::trace`](crate::Config::trace)). What was read from the ring on one machine, and
//! carried away as words, runs again on another with `replay` (feature `sim`).
//!
//! # Order
//!
//! An allocation is noted after it has taken all it needs, and a free before anything of it is
//! released. So at every success in the trace, the regions that live by the trace did live side by
//! side when it happened: a replay in the order of the trace never lacks slots, or frames for pages,
//! where the recording had them, though addresses may differ where CPUs raced. On one CPU the order
//! is the order of the calls, and a replay on an equal machine gives equal addresses.
//!
//! # Format
//!
//! A record is six words; as bytes, each is little-endian and records follow each other without a
//! header.
//!
//! | word | bits | meaning |
//! |---|---|---|
//! | 0 | 0 to 7 | the operation, [`TraceOp`] |
//! | 0 | 8 to 15 | [`TraceFlags`] |
//! | 0 | 16 to 17 | [`Protection`](crate::Protection): 0 ro, 1 rw, 2 rx, 3 none |
//! | 0 | 18 to 19 | [`Huge`](crate::Huge): 0 never, 1 try, 2 must |
//! | 0 | 20 to 27 | the NUMA node asked for, and 1; 0 for none |
//! | 0 | 28 to 31 | zero |
//! | 0 | 32 to 63 | the CPU |
//! | 1 | all | the time, in the unit of [`Cpus::now`](crate::Cpus::now) |
//! | 2 | all | the region's id, 0 for none |
//! | 3 | all | the region's first address, 0 for none |
//! | 4 | all | the bytes asked for |
//! | 5 | all | the alignment in bytes |
//!
//! Names of callers and the tags of owners are not noted: no address depends on them. Neither are
//! the runs of [`Vmalloc::take_run`], and maps of frames that belong to the caller: take the runs
//! before the replay.

mod record;
#[cfg(feature = "sim")]
mod replay;
pub(crate) mod ring;

use crate::allocator::Vmalloc;
use crate::machine::Machine;

pub use record::{TraceFlags, TraceOp, TraceRecord};
#[cfg(feature = "sim")]
pub use replay::{Replayed, replay};
pub use ring::{Records, Ring};

impl<M: Machine> Vmalloc<M> {
    /// The ring that operations are noted in.
    ///
    /// # Context
    ///
    /// Takes no lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use vmalloc::sim::{self, SimMachine};
    ///
    /// let vm = SimMachine::new(256, 1).set_up_with(sim::window(64), |config| config.trace = 8)?;
    /// let id = vm.vmalloc(5_000)?.into_raw();
    /// vm.vfree(id)?;
    ///
    /// let bytes: Vec<u8> = vm
    ///     .ring()
    ///     .records(0)
    ///     .flat_map(|(_, record)| record.to_words())
    ///     .flat_map(u64::to_le_bytes)
    ///     .collect();
    /// assert_eq!(bytes.len(), 2 * 48);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Notes an operation, if the ring is on, with this CPU and the time.
    #[inline]
    pub(crate) fn trace(&self, make: impl FnOnce() -> TraceRecord) {
        if self.ring.is_on() {
            let (cpu, time) = (self.machine.current(), self.machine.now());
            self.ring.record(&TraceRecord { cpu, time, ..make() });
        }
    }
}
