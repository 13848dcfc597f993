//! Loads and stores through the simulated TLB of a CPU.
#![expect(unsafe_code, reason = "the seam's traits are promises")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets in slices, and single bytes of words"
)]

use std::sync::atomic::Ordering;

use x86_64::VirtAddr;

use super::machine::SimMachine;
use super::walker;
use super::walker::Translation;
use crate::machine::{Access, AccessKind, CpuId, Cpus, Fault};
use crate::page::Page;

impl SimMachine {
    /// Translates an address for an access on a CPU.
    fn translate(&self, cpu: CpuId, at: VirtAddr, kind: AccessKind) -> Result<Translation, Fault> {
        let fault = Fault { address: at, kind };
        let page = Page::containing_address(at);
        let mut cpus = self.cpus.lock().expect("no test panics inside");
        let caches = &mut cpus[cpu.0 as usize];
        let allows = |translation: &Translation| match kind {
            AccessKind::Read => true,
            AccessKind::Write => translation.write,
            AccessKind::Execute => translation.execute,
        };
        let known = caches.fill(&self.memory, page).ok_or(fault)?;
        if allows(&known) {
            return Ok(known);
        }
        // A CPU does not report a fault from a TLB entry alone: it drops the entry and walks the
        // tables once more.
        caches.drop_leaf(page);
        caches.fill(&self.memory, page).filter(allows).ok_or(fault)
    }

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
            let translation = self.translate(self.current(), here, kind)?;
            if kind == AccessKind::Write {
                walker::dirty(&self.memory, Page::containing_address(here), self.memory.root());
            }
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
}

// SAFETY: every access goes through the TLB of the CPU and touches only the bytes named.
unsafe impl Access for SimMachine {
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault> {
        self.bytes(address, bytes.len() as u64, AccessKind::Read, |at, byte| {
            bytes[at as usize] = byte;
            None
        })
    }

    fn write(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), Fault> {
        self.bytes(address, bytes.len() as u64, AccessKind::Write, |at, _| Some(bytes[at as usize]))
    }

    fn fill(&self, address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault> {
        self.bytes(address, length, AccessKind::Write, |_, _| Some(byte))
    }

    fn probe(&self, address: VirtAddr, kind: AccessKind) -> Result<(), Fault> {
        self.translate(self.current(), address, kind).map(|_| ())
    }
}
