//! Loads and stores through the simulated TLB of a CPU.
//!
//! These methods are safe. They access simulated memory only by atomics, and only frames that a
//! translation reaches. A translation of a frame that was freed since panics.
#![expect(unsafe_code, reason = "the seam's traits are promises")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets in slices, and single bytes of words"
)]

use std::sync::atomic::Ordering;

use x86_64::VirtAddr;

use super::machine::SimMachine;
use super::memory::Memory;
use super::mmu::Caches;
use super::walker::{self, Translation};
use crate::machine::{Access, AccessKind, Cpus, Fault};
use crate::page::Page;

/// Translates an address for an access of the CPU with these caches.
fn translate(
    caches: &mut Caches,
    memory: &Memory,
    at: VirtAddr,
    kind: AccessKind,
) -> Result<Translation, Fault> {
    let fault = Fault { address: at, kind };
    let page = Page::containing_address(at);
    let allows = |translation: &Translation| match kind {
        AccessKind::Read => true,
        AccessKind::Write => translation.write,
        AccessKind::Execute => translation.execute,
    };
    let known = caches.fill(memory, page).ok_or(fault)?;
    let known = if allows(&known) {
        known
    } else {
        // A CPU does not report a fault from a TLB entry alone: it drops the entry and walks the
        // tables once more.
        caches.drop_leaf(page);
        caches.fill(memory, page).filter(allows).ok_or(fault)?
    };
    caches.assert_current(page);
    if kind == AccessKind::Write {
        walker::dirty(memory, page, memory.root());
    }
    Ok(known)
}

impl SimMachine {
    /// Calls `each` with every byte from `address` on, and stores the byte that `each` returns, if
    /// any.
    fn bytes(
        &self,
        address: VirtAddr,
        length: u64,
        kind: AccessKind,
        mut each: impl FnMut(u64, u8) -> Option<u8>,
    ) -> Result<(), Fault> {
        let mut done = 0;
        while done < length {
            let here = VirtAddr::new_truncate(address.as_u64().wrapping_add(done));
            let cpu = self.current().0 as usize;
            // Held during the access, so that the frame is not freed between the translation and the
            // access.
            let mut cpus = self.cpus.lock().expect("no test panics inside");
            let translation = translate(&mut cpus[cpu], &self.memory, here, kind)?;
            let words = self.memory.words(translation.frame);
            let first = here.as_u64() & 0xfff;
            let count = (4096 - first).min(length - done);
            for offset in first..first + count {
                let word = &words[(offset / 8) as usize];
                let shift = 8 * (offset % 8);
                let old = word.load(Ordering::Relaxed);
                let byte = (old >> shift) as u8;
                if let Some(new) = each(done + offset - first, byte) {
                    let cleared = old & !(0xff << shift);
                    word.store(cleared | u64::from(new) << shift, Ordering::Relaxed);
                }
            }
            done += count;
        }
        Ok(())
    }

    /// Copies `bytes.len()` bytes from `address`, through the TLB of the current CPU.
    ///
    /// # Errors
    ///
    /// The first address that faulted. The bytes before it have been copied.
    ///
    /// # Panics
    ///
    /// If the TLB translates the address to a frame that was freed since.
    pub fn read(&self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault> {
        self.bytes(address, bytes.len() as u64, AccessKind::Read, |at, byte| {
            bytes[at as usize] = byte;
            None
        })
    }

    /// Copies `bytes` to `address`, through the TLB of the current CPU.
    ///
    /// # Errors
    ///
    /// The first address that faulted. The bytes before it have been written.
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    pub fn write(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), Fault> {
        self.bytes(address, bytes.len() as u64, AccessKind::Write, |at, _| Some(bytes[at as usize]))
    }

    /// Sets `length` bytes from `address` to `byte`, through the TLB of the current CPU.
    ///
    /// # Errors
    ///
    /// The first address that faulted. The bytes before it have been written.
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    pub fn fill(&self, address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault> {
        self.bytes(address, length, AccessKind::Write, |_, _| Some(byte))
    }

    /// Attempts one access by the current CPU without changing the byte.
    ///
    /// # Errors
    ///
    /// The fault of the access.
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    pub fn probe(&self, address: VirtAddr, kind: AccessKind) -> Result<(), Fault> {
        let cpu = self.current().0 as usize;
        let mut cpus = self.cpus.lock().expect("no test panics inside");
        translate(&mut cpus[cpu], &self.memory, address, kind).map(|_| ())
    }
}

// SAFETY: every access goes through the TLB of the CPU and touches only the bytes named, by atomics.
unsafe impl Access for SimMachine {
    unsafe fn read(&self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault> {
        Self::read(self, address, bytes)
    }

    unsafe fn write(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), Fault> {
        Self::write(self, address, bytes)
    }

    unsafe fn fill(&self, address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault> {
        Self::fill(self, address, length, byte)
    }

    unsafe fn probe(&self, address: VirtAddr, kind: AccessKind) -> Result<(), Fault> {
        Self::probe(self, address, kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::CpuId;
    use crate::page::Frame;
    use crate::sim;

    #[test]
    #[should_panic(expected = "reaches a freed frame")]
    fn an_access_by_a_halted_cpu_to_a_frame_that_was_freed_panics() {
        let vm = SimMachine::new(256, 2).set_up(sim::window(1024), 0, 0).unwrap();
        let region = vm.vmalloc(4096).unwrap();
        let frame = Frame::containing_address(vm.translate(region.address()).unwrap());
        vm.machine().on(CpuId(1));
        vm.machine().write(region.address(), b"cached").unwrap();
        vm.machine().set_asleep(true);
        vm.machine().assert_forgotten(frame);
        let _ = vm.machine().write(region.address(), b"stale");
    }

    #[test]
    #[should_panic(expected = "the host has that much memory")]
    fn a_size_of_memory_that_overflows_is_refused() {
        let _ = SimMachine::new((1 << 52) + 1, 1);
    }
}
