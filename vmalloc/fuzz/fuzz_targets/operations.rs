//! Decodes the input as operations on a window and runs them against the model of the tests, with
//! the files and the generator of the tests.
#![no_main]
#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "random numbers are cut to what is wanted, and a target may panic"
)]

#[path = "../../tests/model/op.rs"]
mod op;
#[path = "../../tests/model/shape.rs"]
mod shape;
#[path = "../../tests/model/world.rs"]
mod world;

use libfuzzer_sys::fuzz_target;
use op::Op;
use shape::Shape;
use world::World;

/// The number of bytes of an encoded operation: one for its verb, and eight for two numbers.
const OP_BYTES: usize = 9;

fn decode(bytes: &[u8; OP_BYTES]) -> Op {
    let [verb, a, b, c, d, e, f, g, h] = *bytes;
    Op::from_words(verb, u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((shape, ops)) = bytes.split_first_chunk() else { return };
    let word = u64::from_le_bytes(*shape);
    // The highest bit selects large leaves.
    let is_large = word >> 63 == 1;
    let shape = if is_large { Shape::roomy(word) } else { Shape::from_word(word) };
    let vm = shape.set_up();
    let mut world = World::new(&vm, shape);
    for op in ops.as_chunks().0 {
        let op = decode(op);
        world.step(&if is_large { op.enlarged() } else { op });
    }
    world.finish();
});
