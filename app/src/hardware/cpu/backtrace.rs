//! A backtrace, guessed from the stack.
//!
//! The image has no frame pointers. So every word of the stack that points behind a call instruction in
//! the image's text is printed, including leftovers of calls that have returned.

use core::fmt;

use runtime_config::verdict::BACKTRACE_PREFIX;

use crate::hardware::console;
use crate::hardware::cpu::access;
use crate::hardware::memory::image;
use crate::platform::call_site::{CALL_BYTES_MAX, is_after_call};

/// Maximum addresses that are printed.
const SHOWN: usize = 24;
/// Maximum words of the stack that are examined.
const WORDS: u64 = 4096;
const WORD_BYTES: u64 = 8;
const PAGE_BYTES: u64 = 4096;

/// Prints `rip` and the return addresses on the stack.
///
/// # Context
///
/// Any. Takes no lock, and stops at an unmapped page.
pub(crate) fn print(rip: Option<u64>, rsp: u64) {
    console::raw(format_args!("{BACKTRACE_PREFIX}{}", Trace { rip, rsp }));
}

struct Trace {
    rip: Option<u64>,
    rsp: u64,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rip) = self.rip {
            write!(f, " rip={rip:#x}")?;
        }
        let here = self.rsp & !(WORD_BYTES - 1);
        // After an overflow the stack pointer is on the guard page; the stack begins on the next one.
        let is_there = access::read_word(here).is_some();
        let start = if is_there { here } else { (here | (PAGE_BYTES - 1)) + 1 };
        let words =
            (0..WORDS).map_while(|word| access::read_word(start.wrapping_add(word * WORD_BYTES)));
        words
            .filter(|word| is_return(*word))
            .take(SHOWN)
            .try_for_each(|word| write!(f, " {word:#x}"))
    }
}

fn is_return(address: u64) -> bool {
    let text = image::text();
    let mut bytes = [0; CALL_BYTES_MAX];
    let first = address.wrapping_sub(CALL_BYTES_MAX as u64);
    text.holds(first)
        && text.holds(address)
        && access::read(first, &mut bytes) == bytes.len()
        && is_after_call(&bytes)
}
