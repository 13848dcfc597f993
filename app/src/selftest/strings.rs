//! Tests that compare `memcpy`, `memmove` and `memset` with simple loops over bytes.

use core::array;
use core::hint::black_box;

use crate::selftest::failed_check::ensure;
use crate::selftest::fixture::{Fixture, TestResult};

const SPACE: usize = 256;

fn numbered() -> [u8; SPACE] {
    array::from_fn(|index| (index % 251).to_le_bytes()[0])
}

/// Lengths near the sizes of the blocks that the functions copy.
const LENGTHS: [usize; 14] = [0, 1, 3, 7, 8, 9, 15, 31, 32, 33, 63, 64, 71, 100];

pub(super) fn copies_are_exact(_fixture: Fixture) -> TestResult {
    for length in LENGTHS {
        for (from, to) in [(0, 0), (1, 3), (8, 16), (5, 0)] {
            let source = numbered();
            let mut target = [0xff; SPACE];
            target[to..to + length].copy_from_slice(black_box(&source[from..from + length]));
            let is_exact = (0..SPACE).all(|at| {
                let inside = (to..to + length).contains(&at);
                let expected = if inside { source[from + at - to] } else { 0xff };
                target[at] == expected
            });
            ensure(is_exact, "a copy")?;
        }
    }
    Ok(())
}

pub(super) fn moves_may_overlap(_fixture: Fixture) -> TestResult {
    for length in LENGTHS {
        for (from, to) in [(0, 1), (1, 0), (0, 8), (8, 0), (3, 40), (40, 3), (9, 9)] {
            let before = numbered();
            let mut space = before;
            black_box(&mut space[..]).copy_within(from..from + length, to);
            let is_exact = (0..SPACE).all(|at| {
                let inside = (to..to + length).contains(&at);
                space[at] == if inside { before[from + at - to] } else { before[at] }
            });
            ensure(is_exact, "a move")?;
        }
    }
    Ok(())
}

pub(super) fn sets_are_exact(_fixture: Fixture) -> TestResult {
    for length in LENGTHS {
        for start in [0, 1, 7, 8] {
            let mut space = [0xff; SPACE];
            black_box(&mut space[start..start + length]).fill(black_box(0x81));
            let is_exact = (0..SPACE).all(|at| {
                space[at] == if (start..start + length).contains(&at) { 0x81 } else { 0xff }
            });
            ensure(is_exact, "a fill")?;
        }
    }
    Ok(())
}
