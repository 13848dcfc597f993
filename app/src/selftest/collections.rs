//! Tests of collections that are stored in regions.

use allocator_api2::vec::Vec;
use vmalloc::collections::InWindow;

use crate::selftest::change::physical;
use crate::selftest::failed_check::{ensure, same};
use crate::selftest::fixture::{Fixture, TestResult};

pub(super) fn collections_live_in_the_window(fixture: Fixture) -> TestResult {
    const COUNT: u64 = 400_000;
    let before = fixture.vm.stats();
    let mut numbers = Vec::new_in(InWindow(fixture.vm));
    let mut first_frame = 0;
    for number in 0..COUNT {
        numbers.push(number * number);
        if number == 0 {
            first_frame = physical(numbers.as_ptr().addr() as u64)?;
        }
    }
    ensure(fixture.vm.window().holds(x86_64::VirtAddr::from_ptr(numbers.as_ptr())), "the window")?;
    same(physical(numbers.as_ptr().addr() as u64)?, first_frame, "growth copied no byte")?;
    let after = fixture.vm.stats();
    let grown: u64 = after.resizes.iter().sum::<u64>() - before.resizes.iter().sum::<u64>();
    ensure(grown > 5, "growth resized one region")?;
    same(after.areas, before.areas + 1, "regions of the collection")?;
    let sound =
        numbers.iter().zip(0..).all(|(found, number): (&u64, u64)| *found == number * number);
    ensure(sound, "numbers after growth")?;
    numbers.truncate(10);
    numbers.shrink_to_fit();
    same(numbers.iter().sum(), (0..10).map(|number| number * number).sum(), "after a shrink")?;
    drop(numbers);
    same(fixture.vm.stats().areas, before.areas, "regions after the collection")
}
