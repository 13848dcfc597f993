//! A simulated PCI function for tests. A driver can determine the sizes of its BARs by writing ones, as on hardware.

#![expect(unsafe_code, reason = "the trait has an unsafe method")]

use std::cell::RefCell;
use std::rc::Rc;

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction, PciRoot};

const WORDS: usize = 64;

#[derive(Debug)]
struct State {
    words: [u32; WORDS],
    /// Writable bits of each word.
    writable: [u32; WORDS],
}

/// A simulated PCI function with a configuration space of 64 words.
#[derive(Clone, Debug)]
pub(crate) struct FakeFunction(Rc<RefCell<State>>);

impl FakeFunction {
    /// Address of the function.
    pub(crate) const ADDRESS: DeviceFunction = DeviceFunction { bus: 0, device: 2, function: 0 };

    pub(crate) fn new() -> Self {
        let mut writable = [0; WORDS];
        writable[1] = 0xffff;
        Self(Rc::new(RefCell::new(State { words: [0; WORDS], writable })))
    }

    pub(crate) fn root(&self) -> PciRoot<Self> {
        PciRoot::new(self.clone())
    }

    pub(crate) fn word(&self, index: usize) -> u32 {
        self.0.borrow().words[index]
    }

    /// Sets a word, including read-only bits.
    pub(crate) fn set_word(&self, index: usize, value: u32) {
        self.0.borrow_mut().words[index] = value;
    }

    pub(crate) fn add_bar_32(&self, bar: usize, bytes: u32) {
        self.0.borrow_mut().writable[4 + bar] = !(bytes - 1);
    }

    pub(crate) fn add_bar_64(&self, bar: usize, bytes: u32) {
        self.add_bar_32(bar, bytes);
        let mut state = self.0.borrow_mut();
        state.words[4 + bar] = 0xc;
        state.writable[4 + bar + 1] = u32::MAX;
    }

    /// Stores the capability `words` at word `at`, and puts it at the front of the list of capabilities.
    pub(crate) fn add_capability(&self, at: usize, words: &[u32]) {
        let mut state = self.0.borrow_mut();
        let next = state.words[0x34 / 4] & 0xff;
        state.words[1] |= 1 << 20;
        state.words[at..at + words.len()].copy_from_slice(words);
        state.words[at] = (words[0] & !0xff00) | (next << 8);
        state.words[0x34 / 4] = u32::try_from(at * 4).unwrap();
    }
}

impl ConfigurationAccess for FakeFunction {
    fn read_word(&self, device: DeviceFunction, offset: u8) -> u32 {
        if device == Self::ADDRESS { self.word(usize::from(offset / 4)) } else { u32::MAX }
    }

    fn write_word(&mut self, device: DeviceFunction, offset: u8, data: u32) {
        assert_eq!(device, Self::ADDRESS);
        let mut state = self.0.borrow_mut();
        let index = usize::from(offset / 4);
        let mask = state.writable[index];
        state.words[index] = (state.words[index] & !mask) | (data & mask);
    }

    unsafe fn unsafe_clone(&self) -> Self {
        self.clone()
    }
}
