//! Models: the structures that several CPUs share, in every order that the memory model allows.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test -p vmalloc --lib --release loom`. The other tests of
//! the crate do not work in that build.
//!
//! The models run the crate's own code on simulated hardware in [`world`]. Structures under locks
//! are not modelled: pools, magazines, the tree and the buddy are only touched under their locks.
//!
//! # Limits
//!
//! The checker takes a fence for one that everybody passes in some order, which is what
//! `fence(SeqCst)` is, but it would take SeqCst accesses for AcqRel. It switches threads only
//! before an access, so a fence sticks to the access in front of it. It misses orders in which a
//! thread that starts others takes part itself: so the first thread only starts and joins.
#![expect(unsafe_code, reason = "implementing the seam is a promise")]
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod coherence;
mod lists;
mod slots;
mod tables;
mod world;

/// Steps through the runs in which threads lose the CPU against their will three times at most:
/// a higher bound takes minutes. `LOOM_MAX_PREEMPTIONS` sets another one.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Does something on a thread of its own.
fn run<R: 'static>(work: impl FnOnce() -> R + 'static) -> R {
    loom::thread::spawn(work).join().unwrap()
}
