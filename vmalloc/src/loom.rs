//! Model checks of the structures that several CPUs share: every order of accesses that the memory
//! model allows is tried.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p vmalloc --all-features --lib --release loom`. The
//! other tests of the crate do not work in that build.
//!
//! The models run the code of the crate on the simulated hardware in [`world`]. Pools, magazines,
//! the free tree and the buddy allocator are not modelled, because they are accessed only under
//! their locks.
//!
//! # Limits
//!
//! The checker treats `fence(SeqCst)` correctly, as a fence in one total order, but it would treat
//! SeqCst accesses as AcqRel. It switches threads only before an access, so a fence is never
//! separated from the access before it. It misses orders in which the thread that starts the other
//! threads takes part itself. So the first thread of a model only starts and joins threads.
#![expect(unsafe_code, reason = "implementing the seam is a promise")]
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod coherence;
mod lists;
mod slots;
mod tables;
mod world;

/// Checks all runs of a model with at most three preemptions. A higher bound takes minutes.
/// `LOOM_MAX_PREEMPTIONS` sets another bound.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Runs `work` on a thread of its own.
fn run<R: 'static>(work: impl FnOnce() -> R + 'static) -> R {
    loom::thread::spawn(work).join().unwrap()
}
