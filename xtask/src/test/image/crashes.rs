//! Ends that nobody recovers from: each leaves one line that says whose fault it was, a backtrace, and
//! its exit code. A kernel below the image may handle some of them before the image can.

use std::path::Path;

use anyhow::{Context, ensure};
use runtime_config::verdict::{
    self, BACKTRACE_PREFIX, Exit, FAULT_PREFIX, GuestEnd, KernelExit, PANIC_PREFIX,
};

use crate::accel::Accel;
use crate::cli::FirmwareRequest;
use crate::runtime::Runtime;
use crate::selftest::machine::{Machine, Run};
use crate::symbols::Symbols;
use crate::test::bed::TestBed;
use crate::test::tally::Tally;

/// One end.
struct Crash {
    /// Of the image's `crash` tests.
    name: &'static str,
    exit: Exit,
    /// What the line says besides.
    words: &'static str,
    /// A function that the backtrace must name.
    function: &'static str,
    /// A part of the line of a kernel below the image, where that kernel may handle it instead.
    kernel: Option<&'static str>,
}

const fn fault(name: &'static str, words: &'static str, function: &'static str) -> Crash {
    Crash { name, exit: Exit::Fault, words, function, kernel: None }
}

impl Crash {
    /// The same, with what a kernel says of it.
    const fn or(self, kernel: &'static str) -> Self {
        Self { kernel: Some(kernel), ..self }
    }
}

/// Faults in the window are the image's on every runtime.
const CRASHES: [Crash; 11] = [
    fault("guard", "#PF cpu=0 guard of region distance=16", "guard"),
    fault("freed", "#PF cpu=0 freed region distance=24", "write"),
    fault("purged", "#PF cpu=0 free part of the window", "write"),
    fault("read_only", "#PF cpu=0 region distance=32", "write"),
    fault("not_canonical", "#GP cpu=0 not canonical", "write").or("(#GP)"),
    fault("null", "#PF cpu=0 null page", "write").or("(#PF)"),
    fault("stack", "#DF cpu=0 stack overflow of cpu0", "overflow").or("(#DF)"),
    Crash { exit: Exit::Panic, ..fault("panic", "asked to", "run_named") }.or("[PANIC]"),
    fault("other::guard", "#PF cpu=1 guard of region distance=16", "guard"),
    fault("other::stack", "#DF cpu=1 stack overflow of cpu1", "overflow").or("(#DF)"),
    fault("other::not_canonical", "#GP cpu=1 not canonical", "main").or("(#GP)"),
];

/// Boots the image for each end.
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
            cpus: 2,
            nodes: 1,
            memory: Machine::MEMORY,
            accel: Accel::Tcg,
            firmware: FirmwareRequest::Auto,
            append: &append,
        };
        let run = machine.run(bed.workspace, image, "test-crash")?;
        let code = run.exit_code.with_context(|| format!("no exit code (see {})", run.log))?;
        match GuestEnd::judge(code, &run.serial) {
            GuestEnd::Image(exit) if exit == self.exit => self.judge_image(&run, image),
            GuestEnd::Kernel(KernelExit::Failure) if bed.runtime == Runtime::Hermit => {
                self.judge_kernel(&run)
            }
            end => Err(anyhow::anyhow!("{end} (see {})", run.log)),
        }
    }

    /// Judges what the image says of its end.
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

    /// Judges what a kernel below the image says of its end.
    fn judge_kernel(&self, run: &Run) -> anyhow::Result<()> {
        let line = verdict::kernel_stop(&run.serial);
        let line = line.with_context(|| format!("the kernel says nothing (see {})", run.log))?;
        let words =
            self.kernel.with_context(|| format!("not the image, but the kernel: {line}"))?;
        ensure!(line.contains(words), "not {words:?} in {line}");
        Ok(())
    }
}

/// Whether all words stand in a line, in this order.
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
    fn a_kernel_ends_what_it_may_and_says_which() {
        let judge = |crash: Crash, serial| crash.judge_kernel(&Run::that_left(1, serial));
        let fault = fault("null", "#PF cpu=0 null page", "write");
        let serial = "[0][INFO] up\n[0][ERROR] Page fault (#PF)!\n";
        let error = judge(fault, serial).unwrap_err().to_string();
        assert!(error.contains("not the image"), "{error}");
        judge(fault_of_kernel("(#PF)"), serial).unwrap();
        assert!(judge(fault_of_kernel("(#GP)"), serial).is_err());
        assert!(judge(fault_of_kernel("(#PF)"), "[0][INFO] up\n").is_err());
    }

    fn fault_of_kernel(words: &'static str) -> Crash {
        fault("null", "#PF cpu=0 null page", "write").or(words)
    }

    #[test]
    fn words_stand_in_order() {
        let line = "FAULT #PF address=0x1 cpu=0 guard of region 7 distance=16";
        assert!(has_words(line, "#PF cpu=0 guard of region distance=16"));
        assert!(!has_words(line, "cpu=0 #PF"));
        assert!(!has_words(line, "distance=1"));
    }
}
