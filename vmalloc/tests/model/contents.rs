//! The expected contents of the pages of a region: the first and the last word of each page.

use vmalloc::{AccessKind, PAGE_BYTES, Protection};
use x86_64::VirtAddr;

use super::{Held, World};

/// The first and the last word of a page; `None` if they are undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contents([Option<u64>; 2]);

/// The offsets of the two words in a page.
const PLACES: [u64; 2] = [0, PAGE_BYTES - 8];

impl Contents {
    pub(super) const UNKNOWN: Self = Self([None; 2]);
    pub(super) const ZERO: Self = Self([Some(0); 2]);

    fn signed(word: u64, page: u64) -> Self {
        let mixed = (word << 32 | page).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self([Some(mixed), Some(!mixed)])
    }

    /// Returns the contents after all bytes from `offset` on are cleared.
    pub(super) fn cleared_from(self, offset: u64) -> Self {
        let mut words = self.0;
        for (word, place) in words.iter_mut().zip(PLACES) {
            let kept = offset.saturating_sub(place).min(8);
            *word = match kept {
                0 => Some(0),
                8 => *word,
                _ => word.map(|word| word & ((1 << (8 * kept)) - 1)),
            };
        }
        Self(words)
    }
}

/// Returns for each kind of access whether `protection` allows it.
pub(super) fn allowed(protection: Protection) -> [(AccessKind, bool); 3] {
    let [read, write, execute] = match protection {
        Protection::ReadOnly => [true, false, false],
        Protection::ReadWrite => [true, true, false],
        Protection::ReadExecute => [true, false, true],
        Protection::None => [false; 3],
    };
    [(AccessKind::Read, read), (AccessKind::Write, write), (AccessKind::Execute, execute)]
}

impl World<'_> {
    /// Writes both words of every page, or asserts that writing faults.
    pub(super) fn sign(&mut self, which: u32, word: u64) {
        let Some(start) = self.pick(which) else { return };
        let machine = self.vm.machine();
        let held = self.held.get_mut(&start).expect("just picked");
        for (page, contents) in (0..).zip(&mut held.contents) {
            let new = Contents::signed(word, page);
            for (value, place) in new.0.into_iter().flatten().zip(PLACES) {
                let at = VirtAddr::new(start + page * PAGE_BYTES + place);
                let written = machine.write(at, &value.to_le_bytes());
                assert_eq!(written.is_ok(), held.protection == Protection::ReadWrite, "{at:?}");
            }
            if held.protection == Protection::ReadWrite {
                *contents = new;
            }
        }
    }

    /// Accesses one page on another CPU in every way, and asserts that the guard page refuses every
    /// access.
    pub(super) fn touch(&mut self, which: u32, page: u64, cpu: u32) {
        let Some(start) = self.pick(which) else { return };
        let held = &self.held[&start];
        let page = page % held.pages();
        let at = VirtAddr::new(start + page * PAGE_BYTES);
        let guard = VirtAddr::new(start + held.pages() * PAGE_BYTES);
        let machine = self.vm.machine();
        self.on_awake(cpu, || {
            for (kind, is_allowed) in allowed(held.protection) {
                assert_eq!(machine.probe(at, kind).is_ok(), is_allowed, "{kind:?} at {at:?}");
                assert!(machine.probe(guard, kind).is_err(), "{kind:?} of a guard at {guard:?}");
            }
            self.assert_page(start, held, page);
        });
    }

    /// Asserts that all pages from `first` on contain zeros, if the model expects zeros.
    pub(super) fn assert_zero(&self, start: u64, held: &Held, first: u64) {
        if held.protection == Protection::None {
            return;
        }
        let mut bytes = [1; PAGE_BYTES as usize];
        for page in first..held.pages() {
            if held.contents[page as usize] == Contents::ZERO {
                let at = VirtAddr::new(start + page * PAGE_BYTES);
                self.vm.machine().read(at, &mut bytes).expect("mapped");
                assert!(bytes.iter().all(|byte| *byte == 0), "{at:?} is not zero");
            }
        }
    }

    pub(super) fn assert_contents(&self, start: u64, held: &Held) {
        for page in 0..held.pages() {
            self.assert_page(start, held, page);
        }
    }

    fn assert_page(&self, start: u64, held: &Held, page: u64) {
        if held.protection == Protection::None {
            return;
        }
        for (expected, place) in held.contents[page as usize].0.into_iter().zip(PLACES) {
            let Some(expected) = expected else { continue };
            let (mut word, at) = ([0; 8], VirtAddr::new(start + page * PAGE_BYTES + place));
            self.vm.machine().read(at, &mut word).expect("mapped");
            let found = u64::from_le_bytes(word);
            assert_eq!(found, expected, "{found:#x}, not {expected:#x} at {at:?}");
        }
    }
}
