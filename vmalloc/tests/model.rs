//! Random operations on the simulated machine, beside a model that knows what must be true.
//!
//! After every step: free runs and regions tile the window, no frame is in two places, every leaf
//! belongs to a busy region, guards translate to nothing, no TLB reaches a frame that is free or
//! somebody else's, and nothing wrote into a free frame.
#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "random numbers are cut to what is wanted, and a test may panic"
)]

#[path = "model/random.rs"]
mod random;
#[path = "model/world.rs"]
mod world;

use random::Random;
use world::World;

const STEPS: u32 = 5_000;
const SEEDS: [u64; 20] =
    [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 6765, 10946];

fn run(seed: u64) {
    let mut random = Random::new(seed);
    let mut world = World::new(&mut random);
    for step in 0..STEPS {
        let what = world.step(&mut random);
        world.verify(&mut random, step % 64 == 0, &format!("seed {seed}, step {step}: {what}"));
    }
    world.finish(&format!("seed {seed}, the end"));
}

#[test]
fn a_hundred_thousand_steps_over_twenty_seeds() {
    for seed in SEEDS {
        run(seed);
    }
}

#[test]
fn five_thousand_steps_over_a_fresh_seed() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = now.expect("the clock is past 1970").as_nanos() as u64;
    // Shown when the run fails: put it into SEEDS to repeat it.
    println!("fresh seed {seed}");
    run(seed);
}
