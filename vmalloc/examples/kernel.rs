//! The part of a kernel that uses the crate: the traits on hardware, and the places where the
//! methods are called.
//!
//! The code from [`ToyMachine`] to [`demonstrate`] is the part of a small x86_64 kernel. It is
//! compiled but not run, because a host process cannot use CR3. [`demonstrate`] runs on the
//! simulated machine of the crate:
//!
//! ```text
//! cargo run -p vmalloc --features sim --example kernel
//! ```
//!
//! `PORTING.md` explains this file.
#![expect(unsafe_code, reason = "the seam's traits are promises about hardware")]
#![allow(named_asm_labels, reason = "rustc 1.88 refuses global labels in naked functions")]

use core::arch::x86_64::_rdtsc;
use core::arch::{asm, naked_asm};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use vmalloc::{
    Access, AccessKind, Config, CpuId, CpuSet, Cpus, Cursor, Fault, FaultVerdict, Frame,
    FrameRange, Machine, Page, PageCount, PageRange, PhysicalMemory, SetupError, TlbControl,
    Vmalloc,
};
use x86_64::instructions::{interrupts, tlb};
use x86_64::registers::control::{Cr0, Cr0Flags, Cr2, Cr3, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::model_specific::Msr;
use x86_64::structures::paging::PageTableIndex;
use x86_64::{PhysAddr, VirtAddr};

/// The address at which all RAM is mapped: physical address 0 is here.
const DIRECT_MAP: u64 = 0xffff_8880_0000_0000;

/// The window: 64 level-4 entries that no other code uses.
const WINDOW: u64 = 0xffff_c900_0000_0000;
const LEVEL_4_ENTRIES: usize = 64;
const WINDOW_PAGES: u64 = (LEVEL_4_ENTRIES as u64) << 27;

/// The address bits of a page-table entry.
const FRAME_BITS: u64 = 0x000f_ffff_ffff_f000;

/// The vector of the IPI that asks a CPU to flush.
const SHOOTDOWN_VECTOR: u64 = 0xfd;

/// The time limit for a CPU to acknowledge, in ticks of the time-stamp counter: about a second.
const PATIENCE_TICKS: u64 = 3_000_000_000;

/// The hardware, for which this kernel implements the traits of the crate.
#[derive(Debug)]
struct ToyMachine {
    root: Frame,
    /// The local APIC id of each CPU, by the number that the kernel gives the CPU.
    apic_ids: &'static [u32],
    /// The time when the wait for a CPU began. One field is enough, because shootdowns run one
    /// after the other.
    waiting_since: AtomicU64,
}

// SAFETY: `boot` is given RAM that the direct map covers, which stays writable. The map is linear,
// so frames are 4096 bytes, aligned, and distinct frames do not overlap.
unsafe impl PhysicalMemory for ToyMachine {
    fn pointer(&self, frame: Frame) -> NonNull<u8> {
        let address = VirtAddr::new(DIRECT_MAP + frame.start_address().as_u64());
        let pointer = address.as_mut_ptr();
        NonNull::new(pointer).expect("the direct map does not start at 0")
    }
}

/// Copies bytes up to the first fault, and returns the number of bytes that are left. After a
/// fault, [`fix_up`] makes the handler continue behind the copy instruction.
///
/// # Safety
///
/// The bytes that are written belong to the caller, or are in the window and in no Rust object.
#[unsafe(naked)]
unsafe extern "sysv64" fn copy_until_fault(to: *mut u8, from: *const u8, bytes: usize) -> usize {
    naked_asm!(
        "mov rcx, rdx",
        ".globl toy_copy, toy_copy_end",
        "toy_copy: rep movsb",
        "toy_copy_end: mov rax, rcx",
        "ret",
    )
}

/// Stores the current value of a byte again, without losing concurrent stores. Returns 0 unless the
/// store has faulted.
///
/// # Safety
///
/// As for [`copy_until_fault`].
#[unsafe(naked)]
unsafe extern "sysv64" fn touch_until_fault(at: *mut u8) -> u32 {
    naked_asm!(
        "mov eax, 1",
        ".globl toy_touch, toy_touch_end",
        "toy_touch: lock add byte ptr [rdi], 0",
        "xor eax, eax",
        "toy_touch_end: ret",
    )
}

/// Returns the address at which execution continues after a fault of `instruction`, if
/// `instruction` may fault.
fn fix_up(instruction: u64) -> Option<u64> {
    unsafe extern "C" {
        static toy_copy: u8;
        static toy_copy_end: u8;
        static toy_touch: u8;
        static toy_touch_end: u8;
    }
    let pairs = [
        (&raw const toy_copy, &raw const toy_copy_end),
        (&raw const toy_touch, &raw const toy_touch_end),
    ];
    let found = pairs.into_iter().find(|(here, _)| here.addr() as u64 == instruction);
    found.map(|(_, behind)| behind.addr() as u64)
}

/// Converts the number of bytes that a copy has left to the result of the trait.
fn answer(start: VirtAddr, bytes: usize, left: usize, kind: AccessKind) -> Result<(), Fault> {
    if left == 0 {
        return Ok(());
    }
    let done = (bytes - left) as u64;
    Err(Fault { address: VirtAddr::new_truncate(start.as_u64().wrapping_add(done)), kind })
}

// SAFETY: plain accesses at the given addresses, translated by the CPU. CR3 holds `root` or a table
// with the same entries for the window. An access that faults is in the exception table.
unsafe impl Access for ToyMachine {
    unsafe fn read(&self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault> {
        // SAFETY: only `bytes` are written, and the caller may read the rest.
        let left = unsafe { copy_until_fault(bytes.as_mut_ptr(), address.as_ptr(), bytes.len()) };
        answer(address, bytes.len(), left, AccessKind::Read)
    }

    unsafe fn write(&self, address: VirtAddr, bytes: &[u8]) -> Result<(), Fault> {
        // SAFETY: the caller may change the bytes.
        let left = unsafe { copy_until_fault(address.as_mut_ptr(), bytes.as_ptr(), bytes.len()) };
        answer(address, bytes.len(), left, AccessKind::Write)
    }

    unsafe fn fill(&self, address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault> {
        let page = [byte; 4096];
        let mut done = 0;
        while done < length {
            let count = usize::try_from(length - done).unwrap_or(4096).min(4096);
            // SAFETY: as for the whole.
            unsafe { self.write(address + done, &page[..count]) }?;
            done += count as u64;
        }
        Ok(())
    }

    unsafe fn probe(&self, address: VirtAddr, kind: AccessKind) -> Result<(), Fault> {
        let is_allowed = match kind {
            // SAFETY: the caller may read the byte.
            AccessKind::Read => return unsafe { self.read(address, &mut [0]) },
            // SAFETY: the caller may write the byte, and an atomic addition of 0 changes no byte.
            AccessKind::Write => unsafe { touch_until_fault(address.as_mut_ptr()) == 0 },
            AccessKind::Execute => self.may_execute(address.as_u64()),
        };
        if is_allowed { Ok(()) } else { Err(Fault { address, kind }) }
    }
}

impl ToyMachine {
    /// Decides about an instruction fetch by the page-table entries, without executing an
    /// instruction.
    fn may_execute(&self, address: u64) -> bool {
        let mut table = self.root;
        for shift in [39, 30, 21, 12] {
            // SAFETY: the direct map covers all tables, and atomics allow the hardware to set
            // accessed bits at the same time.
            let words = unsafe { self.pointer(table).cast::<[AtomicU64; 512]>().as_ref() };
            let entry = words[usize::from(index(address >> shift))].load(Ordering::Acquire);
            if entry & 1 == 0 || entry >> 63 != 0 {
                return false;
            }
            if entry & 1 << 7 != 0 {
                return true;
            }
            table = Frame::containing_address(PhysAddr::new_truncate(entry & FRAME_BITS));
        }
        true
    }
}

fn index(number: u64) -> PageTableIndex {
    PageTableIndex::new_truncate((number & 511) as u16)
}

// SAFETY: no entry of the window is global, and `protect_cpu` has checked that PCIDs are off. So a
// load of CR3 drops every translation and the paging-structure caches, and `invlpg` drops a page
// and those caches.
unsafe impl TlbControl for ToyMachine {
    fn flush_page(&self, page: Page) {
        tlb::flush(page.start_address());
    }

    fn flush_all(&self) {
        tlb::flush_all();
    }

    fn interrupt(&self, cpus: CpuSet) {
        // The writes below do not serialize, and must not overtake the earlier stores that the
        // other CPUs are interrupted for. SAFETY: changes only the order of accesses.
        unsafe { asm!("mfence", "lfence", options(nostack, preserves_flags)) };
        for cpu in cpus.iter() {
            let apic_id = u64::from(self.apic_ids[cpu.0 as usize]);
            // SAFETY: x2APIC mode is on, and the gate of the vector leads to `on_shootdown`. The
            // delivery mode is fixed, which also wakes a CPU from `hlt`.
            unsafe { Msr::new(0x830).write(apic_id << 32 | SHOOTDOWN_VECTOR) };
        }
    }
}

// SAFETY: the number of CPUs is that of a static slice. The GS base of each CPU points to its
// record, which begins with the CPU number. The vector of the shootdown is maskable.
unsafe impl Cpus for ToyMachine {
    fn count(&self) -> u32 {
        u32::try_from(self.apic_ids.len()).expect("the APIC has 32-bit ids")
    }

    fn current(&self) -> CpuId {
        let number: u32;
        // SAFETY: the GS base was set when the CPU started, before any method of the crate was
        // called.
        unsafe { asm!("mov {:e}, gs:[0]", out(reg) number, options(nostack, preserves_flags)) };
        CpuId(number)
    }

    fn without_interrupts<R>(&self, work: impl FnOnce() -> R) -> R {
        // The scheduler runs in interrupts, so no thread is preempted or moved in here.
        interrupts::without_interrupts(work)
    }

    fn wait(&self, _cpus: CpuSet, turn: u64, _handler: &dyn Fn()) -> bool {
        // SAFETY: every x86_64 CPU has the counter, and this kernel uses it in ring 0 only.
        let now = unsafe { _rdtsc() };
        if turn == 0 {
            self.waiting_since.store(now, Ordering::Relaxed);
        }
        core::hint::spin_loop();
        now.wrapping_sub(self.waiting_since.load(Ordering::Relaxed)) < PATIENCE_TICKS
    }
}

// SAFETY: every root of this kernel shares the level-4 entries of the window with `root`, which only
// the crate changes.
unsafe impl Machine for ToyMachine {
    fn root(&self) -> Frame {
        self.root
    }
}

/// Sets the control registers of a CPU before its first access to the window.
fn protect_cpu() {
    // SAFETY: only restricts accesses: ring 0 must not write to pages whose entry is read-only.
    unsafe { Cr0::update(|flags| flags.insert(Cr0Flags::WRITE_PROTECT)) };
    // SAFETY: only enables a bit of entries. Without EFER.NXE, bit 63 of an entry is reserved, and
    // every leaf with that bit faults.
    unsafe { Efer::update(|flags| flags.insert(EferFlags::NO_EXECUTE_ENABLE)) };
    let flags = Cr4::read();
    assert!(!flags.contains(Cr4Flags::PCID), "`flush_all` loads CR3, which spares other PCIDs");
    assert!(!flags.contains(Cr4Flags::L5_PAGING), "the crate walks four levels");
}

/// Sets the window up, on the boot CPU.
///
/// # Safety
///
/// The memory is free RAM that the caller never uses again.
unsafe fn boot(
    memory: &[FrameRange],
    apic_ids: &'static [u32],
) -> Result<Vmalloc<ToyMachine>, SetupError> {
    protect_cpu();
    let start = Page::containing_address(VirtAddr::new(WINDOW));
    let count = PageCount::from_pages(WINDOW_PAGES).expect("64 level-4 entries");
    let window = PageRange::try_new(start, count).expect("64 level-4 entries of the higher half");
    let machine = ToyMachine { root: Cr3::read().0, apic_ids, waiting_since: AtomicU64::new(0) };
    let config = Config { reserve: 256, ..Config::new(window, memory) };
    // SAFETY: the caller gives the memory up.
    unsafe { Vmalloc::try_new(machine, &config) }
}

/// Copies the level-4 entries of the window to another address space. Once is enough, because these
/// entries never change.
fn share_window(vm: &Vmalloc<ToyMachine>, other_root: Frame) {
    let table = |frame| vm.machine().pointer(frame).cast::<[AtomicU64; 512]>();
    // SAFETY: a level-4 table in RAM, accessed as atomics because the hardware may set accessed
    // bits.
    let from = unsafe { table(vm.machine().root()).as_ref() };
    // SAFETY: the same.
    let to = unsafe { table(other_root).as_ref() };
    let first = usize::from(vm.window().start().p4_index());
    for index in first..first + LEVEL_4_ENTRIES {
        to[index].store(from[index].load(Ordering::Acquire), Ordering::Release);
    }
}

/// The entry of an AP, on a stack outside the window.
fn start_other_cpu(vm: &Vmalloc<ToyMachine>, has_work: fn() -> bool) -> ! {
    protect_cpu();
    // Called before the table is loaded, because from then on the CPU may walk the tables of the
    // window speculatively.
    vm.leave_idle();
    // SAFETY: the boot CPU uses the same table.
    unsafe { Cr3::write(vm.machine().root(), Cr3::read().1) };
    interrupts::enable();
    loop {
        idle(vm, has_work);
    }
}

/// Halts until there is work.
fn idle(vm: &Vmalloc<ToyMachine>, has_work: fn() -> bool) {
    interrupts::disable();
    // SAFETY: until `leave_idle`, neither `has_work` nor an interrupt handler accesses the window, and
    // the scheduler moves no thread while the CPU is idle.
    unsafe { vm.enter_idle() };
    // Looks for work once more, because no flush waits for this CPU from here on.
    if has_work() {
        interrupts::enable();
    } else {
        interrupts::enable_and_hlt();
    }
    vm.leave_idle();
    // The CPU has no work, so it clears a few frames ahead of time.
    vm.fill_zeroed(8);
}

/// The handler of [`SHOOTDOWN_VECTOR`].
extern "C" fn on_shootdown(vm: &Vmalloc<ToyMachine>) {
    vm.acknowledge();
    // SAFETY: x2APIC mode is on. This write ends the interrupt.
    unsafe { Msr::new(0x80b).write(0) };
}

/// The handler of page faults. It runs on a stack that is mapped: a stack in the window cannot take
/// the fault of its own guard page, so the handler of double faults needs a stack of its own (IST).
/// Returns `false` if the fault is fatal.
fn on_page_fault(vm: &Vmalloc<ToyMachine>, error_code: u64, instruction: &mut u64) -> bool {
    let address = VirtAddr::new_truncate(Cr2::read_raw());
    // A fault from ring 3 or of a reserved bit is not caused by the rights of the window.
    let is_ours = error_code & (1 << 2 | 1 << 3) == 0;
    let kind = match (error_code & 1 << 4 != 0, error_code & 1 << 1 != 0) {
        (true, _) => AccessKind::Execute,
        (false, true) => AccessKind::Write,
        (false, false) => AccessKind::Read,
    };
    // Called first, because the CPU may have cached a stricter entry than the current one.
    let verdict = is_ours.then(|| vm.faults().on_fault(address, kind));
    if matches!(verdict, Some(FaultVerdict::Spurious)) {
        return true;
    }
    if let Some(behind) = fix_up(*instruction) {
        *instruction = behind;
        return true;
    }
    if let Some(FaultVerdict::Refused(site)) = verdict {
        // For a guard page, the site names the region whose end was exceeded.
        log(format_args!("{kind:?} at {address:?}: {site:?}"));
    }
    false
}

/// Logs a line. The log of a kernel must take no lock here.
fn log(_line: core::fmt::Arguments<'_>) {}

/// Demonstrates the crate as kernel code would use it, on any machine.
fn demonstrate<M: Access>(vm: &Vmalloc<M>) -> Result<String, Box<dyn std::error::Error>> {
    let stack = vm.vmalloc(16 << 10)?;
    let guard = stack.address() + stack.bytes();
    // SAFETY: the guard page is not mapped.
    let probed = unsafe { vm.machine().probe(guard, AccessKind::Write) };
    assert!(probed.is_err(), "the guard faults");
    let log = vm.vzalloc(10_000)?;
    // SAFETY: `log` owns the bytes, and no reference points to them.
    unsafe { vm.machine().write(log.address(), b"written through the mapping") }
        .map_err(|f| format!("{f:?}"))?;
    drop(stack);

    let (mut rows, mut cursor) = (String::new(), Cursor::START);
    while let Some((info, next)) = vm.next_area(cursor) {
        vm.write_row(&info, info.caller, &mut rows)?;
        cursor = next;
    }
    vm.purge();
    assert!(vm.check().is_sound());
    Ok(rows)
}

/// Returns the addresses of the kernel's functions, so that the compiler keeps these functions.
/// They are not called.
fn kernel() -> [*const (); 6] {
    [
        boot as *const (),
        demonstrate::<ToyMachine> as *const (),
        share_window as *const (),
        start_other_cpu as *const (),
        on_shootdown as *const (),
        on_page_fault as *const (),
    ]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    core::hint::black_box(kernel());
    let machine = vmalloc::sim::SimMachine::new(256, 2);
    let vm = machine.set_up(vmalloc::sim::window(1024), 0, 0)?;
    print!("{}", demonstrate(&vm)?);
    Ok(())
}
