//! Tests fatal ends of the image. Each end must leave one line with the cause, a backtrace, and its exit
//! code. On Hermit, the kernel's own handler also prints a fault, and only that handler prints a panic.

use std::path::Path;

use anyhow::{Context, ensure};
use runtime_config::verdict::{
    self, BACKTRACE_PREFIX, Exit, FAULT_PREFIX, GuestEnd, KernelExit, PANIC_PREFIX,
};

use crate::accel::Accel;
use crate::qemu::firmware::FirmwareRequest;
use crate::runtime::Runtime;
use crate::selftest::machine::{Machine, Run};
use crate::symbols::Symbols;
use crate::test::bed::TestBed;
use crate::test::tally::Tally;

/// One kind of fatal end.
struct Crash {
    /// The name of the end in the image's `crash` tests.
    name: &'static str,
    exit: Exit,
    /// Further words that the line must contain.
    words: &'static str,
    /// A function that the backtrace must contain.
    function: &'static str,
    cpus: u32,
    /// Whether the test holds a lock that prevents the kernel's handler from printing.
    is_locked: bool,
}

const fn fault(name: &'static str, words: &'static str, function: &'static str) -> Crash {
    Crash { name, exit: Exit::Fault, words, function, cpus: 2, is_locked: false }
}

const CRASHES: [Crash; 14] = [
    fault("guard", "#PF cpu=0 guard of region distance=16", "guard"),
    fault("freed", "#PF cpu=0 freed region distance=24", "write"),
    fault("purged", "#PF cpu=0 free part of the window", "write"),
    fault("read_only", "#PF cpu=0 region distance=32", "write"),
    fault("not_canonical", "#GP cpu=0 not canonical", "write"),
    fault("null", "#PF cpu=0 null page", "write"),
    fault("stack", "#DF cpu=0 stack overflow of cpu0", "overflow"),
    Crash { exit: Exit::Panic, ..fault("panic", "asked to", "run_named") },
    fault("other::guard", "#PF cpu=1 guard of region distance=16", "guard"),
    fault("other::stack", "#DF cpu=1 stack overflow of cpu1", "overflow"),
    fault("other::not_canonical", "#GP cpu=1 not canonical", "write"),
    fault("breakpoint", "#BP cpu=0 no address", "breakpoint"),
    Crash { cpus: 1, is_locked: true, ..fault("logged", "#PF cpu=0 null page", "write") },
    Crash { is_locked: true, ..fault("other::logged", "#PF cpu=1 null page", "write") },
];

/// Boots the image once for each fatal end.
pub(super) fn run(bed: &TestBed<'_>, image: &Path) -> Tally {
    let mut tally = Tally::default();
    for crash in &CRASHES {
        tally.record(&format!("crash::{}", crash.name), crash.run(bed, image));
    }
    tally
}

impl Crash {
    fn run(&self, bed: &TestBed<'_>, image: &Path) -> anyhow::Result<()> {
        let append = format!("selftest=crash::{}", self.name);
        let machine = Machine {
            runtime: bed.runtime,
            cpus: self.cpus,
            nodes: 1,
            memory: Machine::MEMORY,
            accel: Accel::Tcg,
            firmware: FirmwareRequest::Auto,
            append: &append,
        };
        let run = machine.run(bed.workspace, image, "test-crash")?;
        let code = run.exit_code.with_context(|| format!("no exit code (see {})", run.log))?;
        match GuestEnd::judge(code, &run.serial) {
            GuestEnd::Kernel(KernelExit::Failure)
                if bed.runtime == Runtime::Hermit && self.exit == Exit::Panic =>
            {
                judge_kernel(&run, "[PANIC]", self.words)
            }
            GuestEnd::Image(exit) if exit == self.exit => {
                self.judge_image(&run, image)?;
                let exception = self.words.split(' ').next().unwrap_or_default();
                match bed.runtime {
                    Runtime::Bare => Ok(()),
                    Runtime::Hermit if self.is_locked => Ok(()),
                    Runtime::Hermit => {
                        let address = kernel_address(&run.serial, exception);
                        judge_kernel(&run, &format!("({exception})"), &address)
                    }
                }
            }
            end => Err(anyhow::anyhow!("{end} (see {})", run.log)),
        }
    }

    /// Judges the report of the image about its end.
    fn judge_image(&self, run: &Run, image: &Path) -> anyhow::Result<()> {
        let prefix = if self.exit == Exit::Panic { PANIC_PREFIX } else { FAULT_PREFIX };
        let mut lines = run.serial.lines().skip_while(|line| !line.starts_with(prefix));
        let line = lines.next().with_context(|| format!("no {prefix} line (see {})", run.log))?;
        ensure!(has_words(line, self.words), "not {:?} in {line}", self.words);
        let trace =
            lines.find(|line| line.starts_with(BACKTRACE_PREFIX)).context("no backtrace")?;
        let names = Symbols::of(image).expand(trace);
        let is_it = |name: &String| name.split_whitespace().nth(1) == Some(self.function);
        let is_named = names.iter().any(is_it);
        ensure!(is_named, "no {} in {}", self.function, names.join(";"));
        Ok(())
    }
}

/// Returns the text about the address that the kernel's handler must print. For a page fault it is the
/// address in the image's report, even if writing that report has caused further faults.
fn kernel_address(serial: &str, exception: &str) -> String {
    let line = serial.lines().find(|line| line.starts_with(FAULT_PREFIX)).unwrap_or_default();
    let address = line.split(' ').find_map(|word| word.strip_prefix("address="));
    match (exception, address) {
        ("#PF", Some(address)) => format!("page_fault_linear_address = {address}"),
        _ => String::new(),
    }
}

/// Judges the line in which a kernel below the image reports why it stops, and the line after it.
fn judge_kernel(run: &Run, reason: &str, message: &str) -> anyhow::Result<()> {
    let log = &run.log;
    let stop = verdict::kernel_stop(&run.serial);
    let stop =
        stop.with_context(|| format!("the kernel does not state why it stops (see {log})"))?;
    ensure!(stop.contains(reason), "the kernel states {stop:?} instead of {reason:?} (see {log})");
    let behind = run.serial.lines().skip_while(|line| *line != stop).nth(1).unwrap_or_default();
    ensure!(behind.contains(message), "not {message:?} after {stop:?}: {behind:?} (see {log})");
    Ok(())
}

/// Returns whether a line contains all words in this order.
fn has_words(line: &str, words: &str) -> bool {
    let mut found = line.split_whitespace();
    words
        .split(' ')
        .all(|word| found.any(|here| here == word || here.trim_end_matches(',') == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_kernel_and_the_next_one_are_judged() {
        let run = Run::that_left(1, "later\n[0][PANIC] panicked at x\nasked to\nlater\n");
        judge_kernel(&run, "[PANIC]", "asked to").unwrap();
        for (reason, message) in [("(#PF)", ""), ("[PANIC]", "later")] {
            let error = judge_kernel(&run, reason, message).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(message), "{error}");
        }
        assert!(judge_kernel(&Run::that_left(1, "asked to\n"), "", "").is_err());
    }

    #[test]
    fn the_address_of_a_page_fault_is_taken_from_the_line() {
        let serial = "INFO x\nFAULT #PF address=0x10 rip=0x1 cpu=0 null page\n";
        assert_eq!(kernel_address(serial, "#PF"), "page_fault_linear_address = 0x10");
        assert_eq!(kernel_address(serial, "#GP"), "");
    }

    #[test]
    fn words_stand_in_order() {
        let line = "FAULT #PF address=0x1 cpu=0 guard of region 7 distance=16";
        assert!(has_words(line, "#PF cpu=0 guard of region distance=16"));
        assert!(!has_words(line, "cpu=0 #PF"));
        assert!(!has_words(line, "distance=1"));
    }
}
