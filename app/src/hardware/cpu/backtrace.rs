//! How a CPU came to where it stopped, guessed from its stack.
//!
//! The image keeps no frame pointers: every word of the stack that points behind a call in the
//! image's text counts. Some may be left over from calls that have ended.

use core::fmt;

use runtime_config::verdict::BACKTRACE_PREFIX;

use crate::hardware::console;
use crate::hardware::cpu::access;
use crate::hardware::memory::image;
use crate::platform::call_site::{CALL_BYTES_MAX, is_after_call};

/// Addresses that are shown.
const SHOWN: usize = 24;
/// Words of the stack that are looked at.
const WORDS: u64 = 4096;
const WORD_BYTES: u64 = 8;
const PAGE_BYTES: u64 = 4096;

/// Prints where the CPU is, if that is known, and where it would return to.
///
/// # Context
///
/// Anywhere: takes no lock; a stack that ends is survived.
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
        // A stack that has run over begins again on the next page.
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
