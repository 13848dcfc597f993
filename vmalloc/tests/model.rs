//! Runs random operations on the simulated machine, and compares every result with a model.
//!
//! After every step: free runs and regions cover the window, every page has a frame of its own, no
//! frame has two uses, guard pages have no translation, contents are unchanged, no TLB reaches a
//! frame that is free or belongs to another region, and no free frame was written to. Every error
//! must be justified by the state, and must have no effect.
#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "random numbers are cut to what is wanted, and a test may panic"
)]

#[path = "model/op.rs"]
mod op;
#[path = "model/random.rs"]
mod random;
#[path = "model/shape.rs"]
mod shape;
#[path = "model/world.rs"]
mod world;

use op::Op;
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use random::Random;
use shape::Shape;
use world::World;

/// The number of steps with each seed.
const STEPS: u32 = 2_500;
const SEEDS: u64 = 40;
/// The number of steps with each seed if regions have large leaves. These steps take longer,
/// because each step checks every page.
const STEPS_LARGE: u32 = 600;

/// The seed and step of a run, printed if the test fails.
struct Place {
    seed: u64,
    step: u32,
    shape: Shape,
    last: Option<Op>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, step, shape, last } = self;
            eprintln!("seed {seed}, step {step}: {last:?} on {shape:?}");
        }
    }
}

fn run(seed: u64) {
    let mut random = Random::new(seed);
    let shape = Shape::from_word(random.next());
    run_on(shape, seed, random, STEPS, |op| op);
}

/// Runs operations on regions with large leaves.
fn run_large(seed: u64) {
    let mut random = Random::new(seed);
    let shape = Shape::roomy(random.next());
    run_on(shape, seed, random, STEPS_LARGE, Op::enlarged);
}

/// Runs operations on a window with odd borders.
fn run_crooked(seed: u64) {
    let mut random = Random::new(seed);
    let shape = Shape::crooked(random.next());
    run_on(shape, seed, random, STEPS, |op| op);
}

/// Runs operations on regions with large leaves in a window with odd borders.
fn run_crooked_large(seed: u64) {
    let mut random = Random::new(seed);
    let shape = Shape::crooked_roomy(random.next());
    run_on(shape, seed, random, STEPS_LARGE, Op::enlarged);
}

/// Applies random operations, each changed by `change`, on a machine of `shape`.
fn run_on(shape: Shape, seed: u64, mut random: Random, steps: u32, change: impl Fn(Op) -> Op) {
    let mut place = Place { seed, step: 0, shape, last: None };
    let vm = shape.set_up();
    let mut world = World::new(&vm, shape);
    for step in 0..steps {
        let words = random.next();
        let op = change(Op::from_words(random.next() as u8, words as u32, (words >> 32) as u32));
        (place.step, place.last) = (step, Some(op));
        world.step(&op);
    }
    place.last = None;
    world.finish();
}

#[test]
fn a_hundred_thousand_steps_over_forty_seeds() {
    for seed in 1..=SEEDS {
        run(seed);
    }
}

#[test]
fn regions_with_large_leaves_over_twelve_seeds() {
    for seed in 1..=12 {
        run_large(seed);
    }
}

#[test]
fn windows_with_odd_borders_over_twelve_seeds() {
    for seed in 1..=12 {
        run_crooked(seed);
    }
}

#[test]
fn large_leaves_in_windows_with_odd_borders_over_six_seeds() {
    for seed in 1..=6 {
        run_crooked_large(seed);
    }
}

#[test]
fn steps_over_a_fresh_seed() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = now.expect("the clock is past 1970").as_nanos() as u64;
    // The test runner prints this if the run fails.
    println!("fresh seed {seed}");
    run(seed);
    run_large(seed);
    run_crooked(seed);
    run_crooked_large(seed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// Runs operations as above, but chosen by proptest, which shrinks a failing case.
    #[test]
    fn any_operations_leave_a_sound_window(
        shape in any::<u64>(),
        words in prop::collection::vec(any::<(u8, u32, u32)>(), 1..200),
    ) {
        let shape = Shape::from_word(shape);
        let ops: Vec<Op> =
            words.iter().map(|(verb, low, high)| Op::from_words(*verb, *low, *high)).collect();
        let vm = shape.set_up();
        let mut world = World::new(&vm, shape);
        for op in &ops {
            world.step(op);
        }
        world.finish();
    }
}
