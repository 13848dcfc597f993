//! Prints a backtrace that is guessed from the words on the stack.
//!
//! The image has no frame pointers. Each word on the stack that could be a return address, because a call instruction
//! in the text of the image ends there, is printed. The result may contain addresses of calls that have already
//! returned.

use core::fmt;

use runtime_config::verdict::BACKTRACE_PREFIX;

use crate::hardware::console;
use crate::hardware::cpu::access;
use crate::hardware::memory::image;
use crate::platform::call_site::{CALL_BYTES_MAX, is_after_call};

/// Maximum number of addresses that are printed.
const SHOWN: usize = 24;
/// Maximum number of words of the stack that are examined.
const WORDS: u64 = 4096;
const WORD_BYTES: u64 = 8;
const PAGE_BYTES: u64 = 4096;

/// Prints the address `rip`, if given, and the return addresses on the stack above `rsp`.
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
        // After a stack overflow, the stack pointer lies on the guard page. The stack itself begins on the next page.
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
